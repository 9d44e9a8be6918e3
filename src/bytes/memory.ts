/**
 * Memory for what is large and short-lived: a signature's input, a record on its way to the disk. Made anew for each message, it
 * lets V8 go through all of its heap again and again: array buffers lie outside the heap, and some ten megabytes of dead ones
 * start a major collection, which costs more than the cryptography. Behind what is shown of such memory lies what others wrote, so
 * none of it leaves the process but by a copy of just those bytes.
 */

/** Where memory for so many bytes comes from. */
export type Allocate = (size: number) => Uint8Array;

/** Memory of its own, for whoever keeps it. */
export const fresh: Allocate = (size) => new Uint8Array(size);

/** Anything smaller is made anew. */
const LEAST_BYTES = 8 * 1024;

/** What is kept for the next one, all together: as much as some groups of writes take. */
const KEPT_BYTES = 4 * 1024 * 1024;

/** Memory that was given back, by the power of two that is its size. */
const spare = new Map<number, ArrayBuffer[]>();
let spareBytes = 0;

/** What is out, so that nothing is taken back that was never lent, or twice. */
const lent = new WeakSet<ArrayBufferLike>();

/** `size` bytes, which hold anything: to be overwritten. Whoever keeps them need not give them back. */
export function lend(size: number): Uint8Array {
  if (size < LEAST_BYTES) return new Uint8Array(size);
  const power = Math.ceil(Math.log2(size));
  const known = spare.get(power)?.pop();
  if (known) spareBytes -= known.byteLength;
  const buffer = known ?? new ArrayBuffer(2 ** power);
  lent.add(buffer);
  return new Uint8Array(buffer, 0, size);
}

/** Nobody looks at `bytes` any more, nor at a view of the same memory: the next one may have it. Nothing where it was not {@link lend | lent}. */
export function giveBack({ buffer }: Uint8Array): void {
  if (!(buffer instanceof ArrayBuffer) || !lent.delete(buffer)) return;
  if (spareBytes + buffer.byteLength > KEPT_BYTES) return;
  spareBytes += buffer.byteLength;
  const power = Math.log2(buffer.byteLength);
  const others = spare.get(power);
  if (others) others.push(buffer);
  else spare.set(power, [buffer]);
}
