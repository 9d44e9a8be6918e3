import { equal } from '../../bytes/bytes.js';

/**
 * A clock that stands while nothing comes back from the broker. Our own heartbeats are the measure: when they are late, it is
 * the network that is away, and not everybody else, so nobody is declared gone.
 */
export interface LiveClock {
  /** Milliseconds in which the way to the broker and back was seen to work. */
  now(): number;
  /** Our own heartbeat goes out. */
  sent(heartbeat: Uint8Array): void;
  /** Somebody's bytes came on the topic of our heartbeats. */
  came(bytes: Uint8Array): void;
  /** Time passes. */
  tick(): void;
}

/**
 * @param time - milliseconds
 * @param patience - how long an echo may stay away, in milliseconds
 */
export function createLiveClock(time: () => number, patience: number): LiveClock {
  let live = 0;
  let last = time();
  let echoAt = last;
  let heartbeat: Uint8Array | undefined;
  const tick = (): void => {
    const now = time();
    if (now - echoAt < patience) live += Math.max(0, now - last);
    last = now;
  };
  return {
    now: () => live,
    sent(bytes) {
      heartbeat = bytes;
    },
    came(bytes) {
      // Only the very last one counts: an old one that somebody plays again proves nothing.
      if (!heartbeat || !equal(heartbeat, bytes)) return;
      heartbeat = undefined;
      tick();
      echoAt = time();
    },
    tick,
  };
}
