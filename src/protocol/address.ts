import { SealMQError } from '../errors.js';

const USER_NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const REGISTRATION_ID = /^~[a-z2-7]{52}$/;

/**
 * Where the relay's key record stands at a directory. Reserved: it is no address that anybody could claim, write to or sign
 * as, and only the directory's own operator fills it.
 */
export const RELAY_ADDRESS = 'relay';

/** Words that stand where an address would in a topic. */
const RESERVED = new Set(['room', 'group', RELAY_ADDRESS]);

/**
 * Whether `value` is an address: a user name (`[a-z0-9][a-z0-9._-]{0,63}`) or a registration id (`~` and 52 lower-case
 * base32 characters). Nothing else may reach a topic or a URL.
 */
export function isAddress(value: unknown): value is string {
  return typeof value === 'string' && !RESERVED.has(value) && (USER_NAME.test(value) || REGISTRATION_ID.test(value));
}

/** Whether a directory may hold a record under `value`: an {@link isAddress | address}, or the relay's place. */
export function isRecordAddress(value: unknown): value is string {
  return value === RELAY_ADDRESS || isAddress(value);
}

/** Whether an address is a registration id, which no directory has: its keys travel by contact cards. */
export function isRegistrationId(address: string): boolean {
  return REGISTRATION_ID.test(address);
}

/** `value` itself when it is an address. @throws {@link SealMQError} `USAGE_INVALID_ADDRESS` */
export function assertAddress(value: unknown): string {
  if (isAddress(value)) return value;
  throw new SealMQError(
    'USAGE_INVALID_ADDRESS',
    'an address is 1 to 64 characters a-z 0-9 . _ - that begin with a letter or digit (room, group and relay are reserved)',
  );
}

/** As {@link assertAddress}, for what is looked up at a directory. @throws {@link SealMQError} `USAGE_INVALID_ADDRESS` */
export function assertRecordAddress(value: unknown): string {
  return value === RELAY_ADDRESS ? RELAY_ADDRESS : assertAddress(value);
}
