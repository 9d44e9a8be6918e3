import { SealMQError } from '../../errors.js';

/** What stands in clear in front of an SFrame ciphertext: which key, and the how-manieth frame under it. */
export interface SFrameHeader {
  /** 0 to 2⁶⁴ − 1. */
  readonly kid: bigint;
  /** 0 to 2⁶⁴ − 1. */
  readonly ctr: bigint;
}

/** Up to here a value stands in the configuration byte itself. */
const MAX_INLINE = 7;
const MAX_VALUE = 2n ** 64n - 1n;

/** As many bytes always make a safe integer: numbers cost a fraction of what BigInts do. */
const NUMBER_BYTES = 6;

/** The shortest encoding (RFC 9605 §4.3): 1 to 17 bytes. @throws `USAGE_INVALID_ARGUMENT` */
export function encodeSFrameHeader({ kid, ctr }: SFrameHeader): Uint8Array {
  const [kidBytes, ctrBytes] = [extension(kid), extension(ctr)];
  const header = new Uint8Array(1 + kidBytes.length + ctrBytes.length);
  header[0] = (field(kid, kidBytes) << 4) | field(ctr, ctrBytes);
  header.set(kidBytes, 1);
  header.set(ctrBytes, 1 + kidBytes.length);
  return header;
}

/**
 * Reads the header in front of `frame`. Only the shortest form is taken: a header is additional data, so that another one
 * would not decrypt anyway.
 *
 * @returns the header and its length in bytes
 * @throws `DECODE_COSE`
 */
export function decodeSFrameHeader(frame: Uint8Array): SFrameHeader & { readonly length: number } {
  const [config] = frame;
  if (config === undefined) throw malformed('empty');
  const kidEnd = 1 + ((config & 0x80) === 0 ? 0 : ((config >> 4) & 7) + 1);
  const ctrEnd = kidEnd + ((config & 0x08) === 0 ? 0 : (config & 7) + 1);
  if (frame.length < ctrEnd) throw malformed('cut off');
  const kid = kidEnd === 1 ? BigInt((config >> 4) & 7) : shortest(frame, 1, kidEnd);
  const ctr = ctrEnd === kidEnd ? BigInt(config & 7) : shortest(frame, kidEnd, ctrEnd);
  return { kid, ctr, length: ctrEnd };
}

/** The bytes of a value that does not fit into the configuration byte; none for one that does. */
function extension(value: bigint): Uint8Array {
  if (value < 0n || value > MAX_VALUE) throw new SealMQError('USAGE_INVALID_ARGUMENT', 'not a value of 64 bits');
  if (value <= MAX_INLINE) return NOTHING;
  const { high, low } = halves(value);
  const length = high > 0 ? 4 + byteLength(high) : byteLength(low);
  const bytes = new Uint8Array(length);
  for (let i = 1; i <= length; i++) bytes[length - i] = i <= 4 ? low >>> (8 * (i - 1)) : high >>> (8 * (i - 5));
  return bytes;
}

/** Bytes of a number of 1 to 32 bits. */
const byteLength = (value: number): number => (39 - Math.clz32(value)) >> 3;

const NOTHING = new Uint8Array(0);

function field(value: bigint, bytes: Uint8Array): number {
  return bytes.length === 0 ? Number(value) : 8 | (bytes.length - 1);
}

/** Upper and lower 32 bits of a value of 64. */
export function halves(value: bigint): { readonly high: number; readonly low: number } {
  const number = Number(value);
  if (number < 2 ** 32) return { high: 0, low: number };
  return { high: Number(value >> 32n), low: Number(value & 0xffffffffn) };
}

function shortest(frame: Uint8Array, start: number, end: number): bigint {
  const value = unsigned(frame, start, end);
  if (frame[start] === 0 || value <= MAX_INLINE) throw malformed('not the shortest form');
  return value;
}

function unsigned(frame: Uint8Array, start: number, end: number): bigint {
  if (end - start > NUMBER_BYTES) {
    const split = end - NUMBER_BYTES;
    return (unsigned(frame, start, split) << BigInt(8 * NUMBER_BYTES)) | unsigned(frame, split, end);
  }
  let value = 0;
  for (let i = start; i < end; i++) value = value * 256 + (frame[i] as number);
  return BigInt(value);
}

function malformed(reason: string): SealMQError {
  return new SealMQError('DECODE_COSE', `malformed frame header: ${reason}`);
}
