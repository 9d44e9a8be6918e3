import { MAX_CONTROL_RANGES, type Skip, type SkipReason } from '../protocol/envelope/control.js';
import type { Range } from '../protocol/envelope/sequence.js';

/** Numbers that will not come, gathered so that each device is told in as few messages as possible. */
export interface Skips {
  /** To be called in ascending order of the numbers. */
  add(to: string, device: string, stream: number, reason: SkipReason, seq: number): void;
  messages(): Iterable<{ readonly to: string; readonly device: string; readonly skip: Skip }>;
}

/** Nothing yet. */
export function gatherSkips(): Skips {
  const gathered = new Map<
    string,
    { to: string; device: string; stream: number; reason: SkipReason; ranges: Range[] }
  >();
  return {
    add(to, device, stream, reason, seq) {
      const key = `${to} ${device} ${stream} ${reason}`;
      const entry = gathered.get(key) ?? { to, device, stream, reason, ranges: [] };
      gathered.set(key, entry);
      const last = entry.ranges.at(-1);
      if (last?.[1] === seq - 1) entry.ranges[entry.ranges.length - 1] = [last[0], seq];
      else entry.ranges.push([seq, seq]);
    },
    *messages() {
      for (const { to, device, stream, reason, ranges } of gathered.values()) {
        for (let i = 0; i < ranges.length; i += MAX_CONTROL_RANGES) {
          yield { to, device, skip: { kind: 'skip', stream, ranges: ranges.slice(i, i + MAX_CONTROL_RANGES), reason } };
        }
      }
    },
  };
}
