import { SealMQError } from '../../errors.js';
import { assertAddress } from '../address.js';

/**
 * What a topic says a message is for. It is bound into both the encryption and the signature and never read from the
 * input, so that nobody can move a message to another purpose.
 */
export type Family = 'message' | 'signal' | 'control' | 'will' | 'state';

const FAMILIES: readonly Family[] = ['message', 'signal', 'control', 'will', 'state'];
const PREFIX = /^[A-Za-z0-9._-]{1,64}(\/[A-Za-z0-9._-]{1,64}){0,7}$/;

/** The first levels of every topic, where no other is configured. */
export const DEFAULT_TOPIC_PREFIX = 'nes';

/** `prefix` itself when it is a topic prefix: levels of letters, digits, `.`, `_`, `-`. @throws `USAGE_INVALID_ARGUMENT` */
export function assertTopicPrefix(prefix: string): string {
  if (PREFIX.test(prefix)) return prefix;
  throw new SealMQError('USAGE_INVALID_ARGUMENT', 'a topic prefix is one to eight levels of letters, digits, . _ -');
}

/** `<prefix>/<address>/<family>`. @throws {@link SealMQError} `USAGE_INVALID_ADDRESS` */
export function topicOf(prefix: string, address: string, family: Family): string {
  return `${prefix}/${assertAddress(address)}/${family}`;
}

/** The family a topic of `address` belongs to, or `undefined` when the topic is none of its. */
export function familyOf(prefix: string, address: string, topic: string): Family | undefined {
  const start = `${prefix}/${address}/`;
  return topic.startsWith(start) ? FAMILIES.find((family) => topic === start + family) : undefined;
}
