import { encodeCbor } from '../../bytes/cbor.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { type Awaitable, after, type Steps, step } from '../../crypto/steps.js';
import { CALL_CONTEXT } from './keys.js';

/** Length of a counter in bytes: the nonce of AES-GCM. */
export const COUNTER_BYTES = 12;

/** Bytes that a record is longer than its content: counter and authentication tag. */
export const RECORD_OVERHEAD = COUNTER_BYTES + 16;

/** What something encrypted belongs to; `msg` is a record of the line. */
export type BodyType = 'offer' | 'answer' | 'ice' | 'msg';

/** AAD of everything that is encrypted for a call: CBOR `["sealmq/1 call", callId, type]`. */
export function callAad(call: Uint8Array, type: BodyType): Uint8Array {
  return encodeCbor([CALL_CONTEXT, call, type]);
}

/**
 * A 96-bit counter, most significant byte first.
 *
 * @param low - the lower 64 bits, as far as a safe integer goes
 * @param high - the upper 32 bits
 */
export function counter(low: number, high = 0): Uint8Array {
  const bytes = new Uint8Array(COUNTER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, high);
  view.setUint32(4, Math.floor(low / 2 ** 32));
  view.setUint32(8, low % 2 ** 32);
  return bytes;
}

/** The parts of a {@link counter}; `low` is not exact above 2⁵³. */
export function readCounter(bytes: Uint8Array): { readonly high: number; readonly low: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, COUNTER_BYTES);
  return { high: view.getUint32(0), low: view.getUint32(4) * 2 ** 32 + view.getUint32(8) };
}

/** Encrypts the body of a frame. @param ctr - never used before with this key */
export function* sealBody(
  provider: CryptoProvider,
  key: Uint8Array,
  { call, type, ctr }: { readonly call: Uint8Array; readonly type: BodyType; readonly ctr: number },
  body: Uint8Array,
): Steps<Uint8Array> {
  return yield* step(provider.aesGcmEncrypt(key, counter(ctr), callAad(call, type), body));
}

/** The body of a frame, or `null` when it does not decrypt. */
export function* openBody(
  provider: CryptoProvider,
  key: Uint8Array,
  { call, type, ctr }: { readonly call: Uint8Array; readonly type: BodyType; readonly ctr: number },
  ct: Uint8Array,
): Steps<Uint8Array | null> {
  return yield* step(provider.aesGcmDecrypt(key, counter(ctr), callAad(call, type), ct));
}

/** One direction of the line: a key, and the AAD that all its records share. */
export interface RecordCipher {
  /**
   * A record as it goes over a data channel: counter, ciphertext, tag.
   *
   * @param content - in parts, one after the other
   * @param record - where it is made, {@link recordBytes} long; memory of its own unless given
   */
  seal(ctr: Uint8Array, content: readonly Uint8Array[], record?: Uint8Array): Awaitable<Uint8Array>;
  /** `null` when it does not decrypt. */
  open(ctr: Uint8Array, ciphertext: Uint8Array): Awaitable<Uint8Array | null>;
}

/** Length of the record of a content in parts. */
export function recordBytes(content: readonly Uint8Array[]): number {
  return content.reduce((sum, { length }) => sum + length, RECORD_OVERHEAD);
}

/** The cipher of one direction, under `msg-a` or `msg-b`. */
export function recordCipher(provider: CryptoProvider, key: Uint8Array, call: Uint8Array): RecordCipher {
  const aad = callAad(call, 'msg');
  return {
    seal(ctr, content, record = new Uint8Array(recordBytes(content))) {
      record.set(ctr);
      const target = record.subarray(COUNTER_BYTES);
      return after(provider.aesGcmEncryptInto(target, key, ctr, aad, content), () => record);
    },
    open: (ctr, ciphertext) => provider.aesGcmDecrypt(key, ctr, aad, ciphertext),
  };
}
