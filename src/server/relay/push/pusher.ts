import { LRUCache } from 'lru-cache';
import webPush from 'web-push';
import { toBase64url } from '../../../bytes/base64url.js';
import { isSealMQError } from '../../../errors.js';
import { createPauses } from '../../../pause.js';
import type { Subscription } from '../../../protocol/relay/index.js';
import { endpointUrl } from './endpoint.js';
import { type PostAnswer, type PostOptions, post } from './post.js';
import type { VapidKeys } from './vapid.js';

/** One push. */
export interface Push {
  readonly content: Uint8Array;
  /** Up to 32 characters of base64url: one that still waits at the push service gives way to a later one of its topic (RFC 8030 §5.4). */
  readonly topic: string;
  /** Until when it is worth it, in milliseconds of the relay's time. */
  readonly until: number;
  /** Whether it still is. */
  isWanted(): boolean;
}

/** What became of a push. */
export type PushOutcome =
  /** The push service has it. */
  | 'pushed'
  /** There is no such subscription any more. */
  | 'gone'
  /** The push service does not want it, or is none that may be pushed to. */
  | 'refused'
  /** No push service in time. */
  | 'unreachable'
  /** Nobody wanted it any more before it was there. */
  | 'unwanted';

/** Pushes to push services, again where that makes sense. */
export interface Pusher {
  push(subscription: Subscription, push: Push): Promise<PushOutcome>;
  close(): void;
}

export interface PusherOptions extends Omit<PostOptions, 'timeout'> {
  readonly vapid: VapidKeys;
  readonly contact: string;
  readonly hosts: readonly string[];
  /** First pause before another try, in milliseconds; doubles. */
  readonly againAfter: number;
  /** Milliseconds. */
  readonly now: () => number;
}

/** How long one request may take, in milliseconds. */
const TIMEOUT = 10_000;

/** Requests at a time. */
const MAX_REQUESTS = 64;

/** Endpoints that asked for a pause, at most as many as are remembered. */
const MAX_PAUSED = 10_000;

/** Pushes in the name of one relay. Contact and hosts have been checked. */
export function createPusher({ vapid, contact, hosts, againAfter, now, ...options }: PusherOptions): Pusher {
  const vapidDetails = {
    subject: contact,
    publicKey: toBase64url(vapid.publicKey),
    privateKey: toBase64url(vapid.privateKey),
  };
  const pausedUntil = new LRUCache<string, number>({ max: MAX_PAUSED });
  const pauses = createPauses();
  let closed = false;
  const queue: (() => void)[] = [];
  let going = 0;

  const send = async (url: URL, { p256dh, auth, endpoint }: Subscription, push: Push): Promise<PostAnswer> => {
    const keys = { p256dh: toBase64url(p256dh), auth: toBase64url(auth) };
    const TTL = Math.max(0, Math.ceil((push.until - now()) / 1000));
    const { headers, body } = webPush.generateRequestDetails({ endpoint, keys }, Buffer.from(push.content), {
      ...{ vapidDetails, TTL, urgency: 'high', topic: push.topic },
    });
    return post(url, headers, body, { ...options, timeout: TIMEOUT });
  };

  /** Takes a turn: so many requests at a time. */
  const inTurn = async <T>(work: () => Promise<T>): Promise<T> => {
    if (going >= MAX_REQUESTS) await new Promise<void>((resolve) => queue.push(resolve));
    going++;
    try {
      return await work();
    } finally {
      going--;
      queue.shift()?.();
    }
  };

  /** The outcome of one try, or after how many milliseconds another one makes sense. */
  const attempt = async (url: URL, subscription: Subscription, push: Push, pause: number) => {
    try {
      const { status, retryAfter } = await inTurn(() => send(url, subscription, push));
      if (status >= 200 && status < 300) return 'pushed';
      if (status === 404 || status === 410) return 'gone';
      if (status !== 429 && status < 500) return 'refused';
      const asked = pauseOf(retryAfter);
      if (asked === undefined) return pause;
      pausedUntil.set(subscription.endpoint, now() + asked);
      // "At once", or a moment that has passed, is no leave to ask without end.
      return Math.max(asked, pause);
    } catch (error) {
      if (!isSealMQError(error)) throw error;
      return error.code === 'TRANSPORT_REFUSED' ? 'refused' : pause;
    }
  };

  return {
    async push(subscription, push) {
      const url = endpointUrl(subscription.endpoint, hosts);
      if (!url) return 'refused';
      const paused = (pausedUntil.get(subscription.endpoint) ?? 0) - now();
      let wait = Math.max(0, paused);
      for (let pause = againAfter; !closed; pause *= 2) {
        // Whoever asks for more time than there is gets no push.
        if (now() + wait >= push.until) return 'unreachable';
        if (wait > 0) await pauses.wait(wait);
        if (closed || !push.isWanted()) return 'unwanted';
        const outcome = await attempt(url, subscription, push, pause);
        if (typeof outcome === 'string') return outcome;
        wait = outcome;
      }
      return 'unwanted';
    },
    close() {
      closed = true;
      pauses.end();
    },
  };
}

/** Longest pause that a push service is given, in milliseconds: a mistake of its must not last until we are started anew. */
const LONGEST_PAUSE = 24 * 3600 * 1000;

/** `Retry-After` (RFC 9110 §10.2.3): seconds, or a date of this machine's clock; in milliseconds, a day at most. */
export function pauseOf(retryAfter: string | undefined): number | undefined {
  if (retryAfter === undefined) return undefined;
  const asked = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - Date.now();
  return Number.isNaN(asked) ? undefined : Math.min(LONGEST_PAUSE, Math.max(0, asked));
}
