import { MAX_SOUGHT } from '../../protocol/room/room-statement.js';
import type { RoomContext } from './context.js';

/** We are new ourselves for so long, in milliseconds: then it is on us to announce ourselves again. */
const NEW_FOR = 10_000;
const SOON = 500;

/** Others leave the newcomer time to do so, and then do not speak all at once. */
const LATER = 3_000;
const SPREAD = 4_000;

/** Least time between two announcements that strangers cause, in milliseconds. */
const PAUSE = 2_000;

const MAX_STRANGERS = 256;

/** Devices that were heard in the room and are no members: their announcement, or ours, was lost. */
export interface Strangers {
  heard(device: string): void;
  met(device: string): void;
  /** Whom to seek by an announcement now. */
  due(): readonly string[];
}

export function createStrangers({ port, since }: Pick<RoomContext, 'port' | 'since'>): Strangers {
  const dueAt = new Map<string, number>();
  let soughtAt = Number.NEGATIVE_INFINITY;

  function delay(now: number): number {
    if (now - since < NEW_FOR) return SOON;
    const [high = 0, low = 0] = port.provider.randomBytes(2);
    return LATER + (SPREAD * (high * 256 + low)) / 65_536;
  }

  return {
    heard(device) {
      const now = port.now();
      if (!dueAt.has(device) && dueAt.size < MAX_STRANGERS) dueAt.set(device, now + delay(now));
    },
    met: (device) => void dueAt.delete(device),
    due() {
      const now = port.now();
      if (now - soughtAt < PAUSE) return [];
      const found = [...dueAt].filter(([, at]) => at <= now).slice(0, MAX_SOUGHT);
      for (const [device] of found) dueAt.delete(device);
      if (found.length > 0) soughtAt = now;
      return found.map(([device]) => device);
    },
  };
}
