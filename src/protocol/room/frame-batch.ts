import { decodeCbor, headSize, Major, writeHead } from '../../bytes/cbor.js';
import { isBytes } from '../../bytes/fields.js';
import { SealMQError } from '../../errors.js';
import { decodeFrame, encodeFrame, type FrameContent, type FrameParts, isChannel } from './room-frame.js';

/** Most frames of one batch: some bytes must not become objects by the ten thousand. */
export const MAX_BATCH_FRAMES = 256;

/** Largest plaintext of a batch in bytes, its signature apart: who keeps one frame of it keeps the memory of all. */
export const MAX_BATCH_BYTES = 64 * 1024;

/** The heads of arrays; what stands in front of a frame that travels alone is nil or a text. */
const isArrayHead = (head: number | undefined): boolean => head !== undefined && (head & 0xe0) === Major.array;

/** Bytes that a frame takes up among others. */
export function entrySize([channel, payload]: FrameParts): number {
  return channel.length + headSize(payload.length) + payload.length;
}

/** Writes a frame as it stands among others at `offset`: the channel, or nil, and the payload as a byte string. Answers the offset behind it. */
export function writeEntry(target: Uint8Array, offset: number, [channel, payload]: FrameParts): number {
  target.set(channel, offset);
  const start = writeHead(target, offset + channel.length, Major.bytes, payload.length);
  target.set(payload, start);
  return start + payload.length;
}

/** What stands in front of the entries of `count` frames: with them it is one CBOR array. */
export function batchHead(count: number): Uint8Array {
  const head = new Uint8Array(headSize(2 * count));
  writeHead(head, 0, Major.array, 2 * count);
  return head;
}

/**
 * The plaintext of frames that travel together, in parts: of one, as it travels alone, or of several, as a batch.
 *
 * @throws `USAGE_INVALID_ARGUMENT`; `USAGE_PAYLOAD_TOO_LARGE` for one of more than 256 KiB, or several of more than 64
 */
export function encodeFrames(frames: readonly FrameContent[]): readonly Uint8Array[] {
  const [first, ...others] = frames.map(({ payload, channel }) => encodeFrame(payload, channel));
  if (!first || frames.length > MAX_BATCH_FRAMES) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', `a batch has 1 to ${MAX_BATCH_FRAMES} frames`);
  }
  if (others.length === 0) return first;
  const head = batchHead(frames.length);
  const entries = new Uint8Array([first, ...others].reduce((size, frame) => size + entrySize(frame), 0));
  if (head.length + entries.length > MAX_BATCH_BYTES) {
    throw new SealMQError('USAGE_PAYLOAD_TOO_LARGE', `a batch has at most ${MAX_BATCH_BYTES} bytes`);
  }
  [first, ...others].reduce((offset, frame) => writeEntry(entries, offset, frame), 0);
  return [head, entries];
}

/**
 * The frames of a plaintext, in the order in which they were sent: one that travelled alone, or those of a batch. Payloads
 * are views into `content`.
 *
 * @throws `DECODE_CBOR`, `DECODE_CLAIMS`
 */
export function decodeFrames(content: Uint8Array): readonly FrameContent[] {
  if (!isArrayHead(content[0])) return [decodeFrame(content)];
  if (content.length > MAX_BATCH_BYTES) throw malformed('too large');
  const items = decodeCbor(content);
  if (!Array.isArray(items) || items.length % 2 !== 0) throw malformed('not in pairs');
  // One frame has one form: alone.
  if (items.length < 4 || items.length > 2 * MAX_BATCH_FRAMES) throw malformed('number of frames');
  const frames: FrameContent[] = [];
  for (let i = 0; i < items.length; i += 2) frames.push(readEntry(items[i], items[i + 1]));
  return frames;
}

function readEntry(channel: unknown, payload: unknown): FrameContent {
  if (!isBytes(payload)) throw malformed('payload');
  if (channel === null) return { payload };
  if (!isChannel(channel)) throw malformed('channel');
  return { channel, payload };
}

function malformed(reason: string): SealMQError {
  return new SealMQError('DECODE_CLAIMS', `malformed batch of frames: ${reason}`);
}
