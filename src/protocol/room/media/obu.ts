import { concat } from '../../../bytes/bytes.js';

/** Open bitstream units of AV1 (AV1 specification §5.3), as far as packetizers read them. */

/** OBU types: a key frame begins with a sequence header. */
const SEQUENCE_HEADER = 1;
const FRAME = 6;

const HAS_SIZE = 0x02;
const HAS_EXTENSION = 0x04;

/** One unit around `payload`. Its type says whether it is a key frame; packetizers and SFUs look no further. */
export function wrapObu(payload: Uint8Array, isKey: boolean): Uint8Array {
  const header = ((isKey ? SEQUENCE_HEADER : FRAME) << 3) | HAS_SIZE;
  return concat(Uint8Array.of(header, ...leb128(payload.length)), payload);
}

/** The payload of a frame that is one unit, or `undefined`. */
export function unwrapObu(frame: Uint8Array): Uint8Array | undefined {
  const [header = 0] = frame;
  if ((header & (HAS_SIZE | HAS_EXTENSION)) !== HAS_SIZE) return undefined;
  let size = 0;
  for (let i = 1; i < Math.min(frame.length, 6); i++) {
    const byte = frame[i] as number;
    size += (byte & 0x7f) * 2 ** (7 * (i - 1));
    if (byte < 0x80) return frame.length === i + 1 + size ? frame.subarray(i + 1) : undefined;
  }
  return undefined;
}

function leb128(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb128(Math.floor(value / 128))];
}
