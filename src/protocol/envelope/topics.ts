import { SealMQError } from '../../errors.js';
import { assertAddress } from '../address.js';

/**
 * What a topic says a message is for. It is bound into both the encryption and the signature and never read from the
 * input, so that nobody can move a message to another purpose.
 */
export type Family = 'message' | 'signal' | 'control' | 'will' | 'state' | 'room' | 'relay' | 'hand-in' | 'update';

const FAMILIES: readonly Family[] = ['message', 'signal', 'control', 'will', 'state', 'relay'];
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

/** Families whose topics have one more level, so that what is retained there does not overwrite each other. */
const TAGGED: readonly Family[] = ['state'];

/** What `address` subscribes to for `family`. @throws {@link SealMQError} `USAGE_INVALID_ADDRESS` */
export function filterOf(prefix: string, address: string, family: Family): string {
  return topicOf(prefix, address, family) + (TAGGED.includes(family) ? '/+' : '');
}

/** What a topic of an address says: the family, and the tag where the family has tags. */
export interface Place {
  readonly family: Family;
  readonly tag?: string;
}

/** What `topic` says, or `undefined` when it is none of the topics of `address`. */
export function placeOf(prefix: string, address: string, topic: string): Place | undefined {
  const start = `${prefix}/${address}/`;
  if (!topic.startsWith(start)) return undefined;
  const [name, tag, ...rest] = topic.slice(start.length).split('/');
  const family = FAMILIES.find((each) => each === name);
  if (!family || rest.length > 0 || TAGGED.includes(family) !== (tag !== undefined)) return undefined;
  return tag === undefined ? { family } : { family, tag };
}
