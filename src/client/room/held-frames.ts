/** Frames whose key may still come, at most; and their bytes together. */
const MAX_FRAMES = 256;
const MAX_BYTES = 4 << 20;

/** How long a frame waits for its key, in milliseconds. */
const PATIENCE = 10_000;

/** A frame that came before its key. */
export interface HeldFrame {
  readonly device: string;
  readonly bytes: Uint8Array;
  readonly heldAt: number;
}

/** Frames that wait for a key, bounded in number, bytes and time. */
export interface HeldFrames {
  /** Puts one in that came at `heldAt`; answers those that had to make room. */
  hold(device: string, bytes: Uint8Array, heldAt: number): readonly HeldFrame[];
  /** Takes out what waits for a key of `device`, in the order it came. */
  release(device: string): readonly HeldFrame[];
  /** Takes out what has waited for too long. */
  expire(now: number): readonly HeldFrame[];
}

export function createHeldFrames(): HeldFrames {
  let held: HeldFrame[] = [];
  let size = 0;

  function takeOut(isOut: (frame: HeldFrame) => boolean): readonly HeldFrame[] {
    if (held.length === 0) return held;
    const out = held.filter(isOut);
    if (out.length > 0) held = held.filter((frame) => !isOut(frame));
    for (const { bytes } of out) size -= bytes.length;
    return out;
  }

  return {
    hold(device, bytes, heldAt) {
      held.push({ device, bytes: bytes.slice(), heldAt });
      size += bytes.length;
      const evicted: HeldFrame[] = [];
      while (held.length > MAX_FRAMES || size > MAX_BYTES) {
        const oldest = held.shift() as HeldFrame;
        size -= oldest.bytes.length;
        evicted.push(oldest);
      }
      return evicted;
    },
    release: (device) => takeOut((frame) => frame.device === device),
    expire: (now) => takeOut(({ heldAt }) => now - heldAt >= PATIENCE),
  };
}
