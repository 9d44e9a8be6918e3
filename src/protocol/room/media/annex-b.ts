import { concat } from '../../../bytes/bytes.js';

/** NAL units of H.264 as a byte stream (ITU-T H.264, annex B), as far as packetizers read them. */

const START_CODE = Uint8Array.of(0, 0, 0, 1);

/** NAL unit types (H.264, table 7-1). */
const FIRST_SLICE = 1;
const LAST_SLICE = 5;
const SPS = 7;
const PPS = 8;

/**
 * What of a frame packetizers, jitter buffers and SFUs read: the parameter sets, and of the first slice its type and as much
 * of its header as names the parameter set. `undefined` for a frame without a slice.
 */
export function describeAccessUnit(frame: Uint8Array): Uint8Array | undefined {
  const shown: Uint8Array[] = [];
  for (const { start, end } of nalUnits(frame)) {
    const type = nalType(frame, start);
    if (type === SPS || type === PPS) shown.push(START_CODE, frame.subarray(start, end));
    if (type < FIRST_SLICE || type > LAST_SLICE) continue;
    const headerEnd = sliceHeaderEnd(frame, start);
    return headerEnd <= end ? concat(...shown, START_CODE, frame.subarray(start, headerEnd)) : undefined;
  }
  return undefined;
}

/** How many bytes of a frame that begins with {@link describeAccessUnit} that is, or `undefined` when it does not. */
export function describedLength(frame: Uint8Array): number | undefined {
  for (const { start } of nalUnits(frame)) {
    const type = nalType(frame, start);
    if (type < FIRST_SLICE || type > LAST_SLICE) continue;
    const end = sliceHeaderEnd(frame, start);
    return end <= frame.length ? end : undefined;
  }
  return undefined;
}

/** Bytes in which no start code can be found (H.264 §7.4.1.1). The last one must not be zero. */
export function escapeNal(bytes: Uint8Array): Uint8Array {
  const escaped = new Uint8Array(bytes.length + Math.ceil(bytes.length / 2));
  let length = 0;
  let zeros = 0;
  for (const byte of bytes) {
    if (zeros === 2 && byte <= 3) {
      escaped[length++] = 3;
      zeros = 0;
    }
    escaped[length++] = byte;
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return escaped.subarray(0, length);
}

/** The way back from {@link escapeNal}. */
export function unescapeNal(bytes: Uint8Array): Uint8Array {
  const plain = new Uint8Array(bytes.length);
  let length = 0;
  let zeros = 0;
  for (const byte of bytes) {
    if (zeros < 2 || byte !== 3) plain[length++] = byte;
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return plain.subarray(0, length);
}

/** Where NAL units lie, behind their start codes of three or four bytes. */
function* nalUnits(frame: Uint8Array): Generator<{ readonly start: number; readonly end: number }> {
  let start = nextStart(frame, 0);
  while (start !== undefined) {
    const next = nextStart(frame, start);
    // A start code of four bytes begins with a zero that would look like the end of the unit before.
    const end = next === undefined ? frame.length : next - (frame[next - 4] === 0 ? 4 : 3);
    yield { start, end };
    start = next;
  }
}

/** The first byte behind the next start code. */
function nextStart(frame: Uint8Array, from: number): number | undefined {
  for (let i = from; i + 2 < frame.length; i++) {
    if (frame[i] === 0 && frame[i + 1] === 0 && frame[i + 2] === 1) return i + 3;
  }
  return undefined;
}

function nalType(frame: Uint8Array, start: number): number {
  return (frame[start] ?? 0) & 0x1f;
}

/** Behind the byte with the last bit of `pic_parameter_set_id`, the third number of a slice header (H.264 §7.3.3). */
function sliceHeaderEnd(frame: Uint8Array, start: number): number {
  let bit = (start + 1) * 8;
  for (let number = 0; number < 3; number++) bit = skipExpGolomb(frame, bit);
  return Math.ceil(bit / 8);
}

/** Behind one Exp-Golomb number (H.264 §9.1): n zeros, a one, n more bits. Beyond the frame for one that is cut off. */
function skipExpGolomb(frame: Uint8Array, from: number): number {
  const last = frame.length * 8;
  let bit = from;
  while (bit < last && (((frame[bit >> 3] as number) >> (7 - (bit & 7))) & 1) === 0) bit++;
  return bit >= last ? last + 8 : bit + 1 + (bit - from);
}
