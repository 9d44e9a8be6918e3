import type { DropReason } from './messages.js';

/** Least time between two reports of one reason, in milliseconds: an SFU that sends garbage costs the page one a second. */
const PAUSE = 1_000;

/** Counts what is dropped on one stream, and tells now and then. */
export function createDropReports(tell: (reason: DropReason, frames: number) => void): (reason: DropReason) => void {
  const counts = new Map<DropReason, { frames: number; toldAt: number }>();
  return (reason) => {
    const count = counts.get(reason) ?? { frames: 0, toldAt: Number.NEGATIVE_INFINITY };
    counts.set(reason, count);
    count.frames++;
    const now = Date.now();
    if (now - count.toldAt < PAUSE) return;
    tell(reason, count.frames);
    count.frames = 0;
    count.toldAt = now;
  };
}
