import { ECDH } from 'node:crypto';
import { SealMQError } from '../../../errors.js';
import type { Subscription } from '../../../protocol/relay/index.js';

/** The push services of the browsers: Chrome and its kin, the second for builds that are not Google's; Firefox, Edge, Safari. */
export const PUSH_SERVICES: readonly string[] = [
  'fcm.googleapis.com',
  'jmt17.google.com',
  '*.push.services.mozilla.com',
  '*.notify.windows.com',
  '*.push.apple.com',
];

const PATTERN = /^(?:\*\.)?[a-z0-9.-]+(?::\d{1,5})?$/;

/** The list itself. @throws `USAGE_INVALID_ARGUMENT` for what is no host, nor `*.` and a host, either with a port or without */
export function assertHosts(hosts: readonly string[]): readonly string[] {
  const wrong = hosts.find((host) => !PATTERN.test(host));
  if (wrong === undefined) return hosts;
  throw new SealMQError('USAGE_INVALID_ARGUMENT', `not a host of a push service: ${wrong}`);
}

/**
 * The URL of a push endpoint that may be sent to: https, one of `hosts`, nothing but host and path to it. Where its host leads
 * is for whoever connects.
 */
export function endpointUrl(endpoint: string, hosts: readonly string[]): URL | undefined {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url?.protocol !== 'https:' || url.username !== '' || url.password !== '' || url.hash !== '') {
    return undefined;
  }
  return hosts.some((host) => matches(host, url)) ? url : undefined;
}

/** A port that is the one of https stands in neither. */
function matches(pattern: string, { hostname, port }: URL): boolean {
  const [host = '', allowedPort = '443'] = pattern.split(':');
  if ((port === '' ? '443' : port) !== allowedPort) return false;
  return host.startsWith('*.') ? hostname.endsWith(host.slice(1)) : hostname === host;
}

/** Whether a push can be encrypted to the subscription's key: its point lies on the curve. */
export function hasKey({ p256dh }: Subscription): boolean {
  try {
    ECDH.convertKey(p256dh, 'prime256v1', undefined, undefined, 'compressed');
    return true;
  } catch {
    return false;
  }
}
