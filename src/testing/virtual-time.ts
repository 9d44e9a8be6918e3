import { SealMQError } from '../errors.js';

/** Time that passes only when it is told to: hours of timers in a moment, and the same order of events in every run. */
export interface VirtualTime {
  /** Milliseconds since the start. */
  readonly elapsed: number;
  /** Lets pass what happens within the next `milliseconds`, timers in the order of their times. */
  pass(milliseconds: number): Promise<void>;
  /** Lets time pass until `condition` holds, at most `milliseconds`; answers whether it held. Looked at after every timer. */
  passUntil(condition: () => boolean, milliseconds: number): Promise<boolean>;
  /** Gives the platform's own timers and clocks back. Timers that are still set never fire. */
  end(): void;
}

interface Timer {
  readonly n: number;
  readonly action: () => void;
  readonly every: number | undefined;
  at: number;
}

/** The one whose timers stand in the platform's place. */
let running: VirtualTime | undefined;

/** Time of the first moment, in milliseconds since 1970, where no other is given. */
const DEFAULT_START = Date.UTC(2030, 0, 1);

/**
 * Replaces `setTimeout`, `setInterval`, `Date.now` and `performance.now` of this process until {@link VirtualTime.end}. What
 * runs meanwhile must wait for nothing but timers and promises: stores in memory, the native backend, no sockets.
 *
 * @throws `USAGE_CONSUMER_EXISTS` where another one has not ended: its timers would fire in this one's time
 */
export function virtualTime(start = DEFAULT_START): VirtualTime {
  if (running) throw new SealMQError('USAGE_CONSUMER_EXISTS', 'another virtual time has not ended');
  const timers = new Map<number, Timer>();
  const turn = platformTurn();
  let elapsed = 0;
  let count = 0;

  const set =
    (every: boolean) =>
    (action: (...args: unknown[]) => void, delay?: number, ...args: unknown[]) => {
      const wait = Math.max(1, Math.ceil(delay ?? 1));
      const n = ++count;
      timers.set(n, { n, action: () => action(...args), at: elapsed + wait, every: every ? wait : undefined });
      const handle = { n, ref: () => handle, unref: () => handle, hasRef: () => true };
      return handle;
    };
  const clear = (handle: unknown) => {
    if (typeof handle === 'object' && handle !== null && 'n' in handle) timers.delete(handle.n as number);
  };
  const restore = replaceGlobals({
    timers: { setTimeout: set(false), setInterval: set(true), clearTimeout: clear, clearInterval: clear },
    now: () => start + elapsed,
    elapsed: () => elapsed,
  });

  const fire = (timer: Timer) => {
    elapsed = timer.at;
    if (timer.every === undefined) timers.delete(timer.n);
    else timer.at += timer.every;
    timer.action();
  };

  const time: VirtualTime = {
    get elapsed() {
      return elapsed;
    },
    async pass(milliseconds) {
      await this.passUntil(() => false, milliseconds);
    },
    async passUntil(condition, milliseconds) {
      const end = elapsed + milliseconds;
      await turn();
      while (!condition()) {
        const timer = earliest(timers.values());
        if (!timer || timer.at > end) {
          elapsed = end;
          return false;
        }
        fire(timer);
        await turn();
      }
      return true;
    },
    end() {
      if (running !== time) return;
      restore();
      running = undefined;
    },
  };
  running = time;
  return time;
}

function earliest(timers: Iterable<Timer>): Timer | undefined {
  let first: Timer | undefined;
  // Of two at the same moment the one that was set first: a map keeps that order.
  for (const timer of timers) if (!first || timer.at < first.at) first = timer;
  return first;
}

/** Waits until nothing is left but timers: all promises that can go on have done so. */
function platformTurn(): () => Promise<void> {
  const { setImmediate, setTimeout } = globalThis;
  const later = typeof setImmediate === 'function' ? setImmediate : setTimeout;
  return () => new Promise((resolve) => void later(resolve));
}

interface Replacements {
  readonly timers: Readonly<Record<'setTimeout' | 'setInterval' | 'clearTimeout' | 'clearInterval', unknown>>;
  now(): number;
  elapsed(): number;
}

/** @returns a function that puts everything back */
function replaceGlobals({ timers, now, elapsed }: Replacements): () => void {
  const platform = Object.fromEntries(Object.keys(timers).map((name) => [name, Reflect.get(globalThis, name)]));
  const dateNow = Date.now;
  Object.assign(globalThis, timers);
  Date.now = now;
  Object.defineProperty(performance, 'now', { value: elapsed, configurable: true });
  return () => {
    Object.assign(globalThis, platform);
    Date.now = dateNow;
    // The platform's own one lies on the prototype.
    Reflect.deleteProperty(performance, 'now');
  };
}
