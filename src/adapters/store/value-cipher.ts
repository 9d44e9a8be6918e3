import { equal, toHex, utf8 } from '../../bytes/bytes.js';
import { type Allocate, fresh } from '../../bytes/memory.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { type Awaitable, after, run, type Steps, step } from '../../crypto/steps.js';
import { SealMQError } from '../../errors.js';

/** Encrypts values of a store. */
export interface ValueCipher {
  /** `value` under a fresh nonce, bound to `key`, in memory of `allocate`. */
  seal(key: string, value: Uint8Array, allocate?: Allocate): Awaitable<Uint8Array>;
  /** The value that was sealed for `key`. @throws `STATE_CORRUPT` */
  open(key: string, sealed: Uint8Array): Awaitable<Uint8Array>;
}

const VERSION = 1;
const INFO = utf8('sealmq/1 store');
const SALT_BYTES = 16;
const COUNTER_BYTES = 6;
const HEADER_BYTES = 1 + SALT_BYTES + COUNTER_BYTES;
const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const LAST_COUNTER = 2 ** (8 * COUNTER_BYTES) - 1;
/** Subkeys of earlier openings that are kept; there is one for each opening that wrote something still stored. */
const MAX_SUBKEYS = 1024;

/**
 * AES-256-GCM with nonces that cannot repeat, whatever was lost or restored from a back-up: each cipher draws a random
 * salt, derives a subkey of its own, HKDF-SHA-256(`dataKey`, salt, "sealmq/1 store"), and counts nonces from 0 in memory.
 *
 * A sealed value is version (1 byte, 1) ‖ salt (16) ‖ counter (6, big-endian) ‖ ciphertext ‖ tag (16): 39 bytes more than
 * the value. The nonce is the counter, zero-padded to 12 bytes in front; the additional data is the UTF-8 of the store key.
 *
 * @param dataKey - 32 bytes
 */
export async function valueCipher(dataKey: Uint8Array, provider: CryptoProvider): Promise<ValueCipher> {
  const salt = provider.randomBytes(SALT_BYTES);
  const subkey = await deriveSubkey(provider, dataKey, salt);
  const olderSubkey = subkeyCache((ofSalt) => deriveSubkey(provider, dataKey, ofSalt));
  let counter = 0;

  function seal(key: string, value: Uint8Array, allocate = fresh): Awaitable<Uint8Array> {
    if (counter > LAST_COUNTER) throw new SealMQError('STATE_UNAVAILABLE', 'nonces used up: open the store again');
    const sealed = allocate(HEADER_BYTES + value.length + TAG_BYTES);
    const header = sealed.subarray(0, HEADER_BYTES);
    writeHeader(header, salt, counter++);
    // In place, since every write of the messenger comes through here.
    const target = sealed.subarray(HEADER_BYTES);
    return after(provider.aesGcmEncryptInto(target, subkey, nonceOf(header), utf8(key), [value]), () => sealed);
  }

  function* open(key: string, sealed: Uint8Array): Steps<Uint8Array> {
    if (sealed.length < HEADER_BYTES || sealed[0] !== VERSION) throw doesNotOpen(key);
    const header = sealed.subarray(0, HEADER_BYTES);
    const ofSalt = header.subarray(1, 1 + SALT_BYTES);
    const keyOfValue = equal(ofSalt, salt) ? subkey : yield* olderSubkey(ofSalt);
    const ciphertext = sealed.subarray(HEADER_BYTES);
    const value = yield* step(provider.aesGcmDecrypt(keyOfValue, nonceOf(header), utf8(key), ciphertext));
    if (value === null) throw doesNotOpen(key);
    return value;
  }

  return { seal, open: (key, sealed) => run(open(key, sealed)) };
}

function deriveSubkey(provider: CryptoProvider, dataKey: Uint8Array, salt: Uint8Array): Awaitable<Uint8Array> {
  return provider.hkdf('SHA-256', dataKey, salt, INFO, KEY_BYTES);
}

/** Derives the subkey of a salt, unless it is among the {@link MAX_SUBKEYS} last derived ones. */
function subkeyCache(derive: (salt: Uint8Array) => Awaitable<Uint8Array>): (salt: Uint8Array) => Steps<Uint8Array> {
  const subkeys = new Map<string, Uint8Array>();
  return function* (salt) {
    const name = toHex(salt);
    const kept = subkeys.get(name);
    if (kept !== undefined) return kept;
    const derived = yield* step(derive(salt));
    const [oldest] = subkeys.keys();
    if (subkeys.size >= MAX_SUBKEYS && oldest !== undefined) subkeys.delete(oldest);
    subkeys.set(name, derived);
    return derived;
  };
}

function writeHeader(header: Uint8Array, salt: Uint8Array, counter: number): void {
  header[0] = VERSION;
  header.set(salt, 1);
  const view = new DataView(header.buffer, header.byteOffset + 1 + SALT_BYTES);
  view.setUint16(0, counter / 2 ** 32);
  view.setUint32(2, counter % 2 ** 32);
}

function nonceOf(header: Uint8Array): Uint8Array {
  const nonce = new Uint8Array(IV_BYTES);
  nonce.set(header.subarray(1 + SALT_BYTES), IV_BYTES - COUNTER_BYTES);
  return nonce;
}

function doesNotOpen(key: string): SealMQError {
  return new SealMQError(
    'STATE_CORRUPT',
    `the stored value "${key}" does not open: damaged, or written under another key`,
  );
}
