/** One block in bytes, and up to which size a frame gets its place there. */
const BLOCK = 1 << 20;
const MAX_SHARED = BLOCK >> 3;

/**
 * Places for frames on their way out, one behind the other in blocks: an array of its own costs as much for each frame as the
 * encryption of some kilobytes. A block goes when the transport is through with all of it.
 */
export function createFrameMemory(): (bytes: number) => Uint8Array {
  let block = new Uint8Array(0);
  let taken = 0;
  return (bytes) => {
    if (bytes > MAX_SHARED) return new Uint8Array(bytes);
    if (taken + bytes > block.length) {
      block = new Uint8Array(BLOCK);
      taken = 0;
    }
    taken += bytes;
    return block.subarray(taken - bytes, taken);
  };
}
