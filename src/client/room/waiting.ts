import { SealMQError } from '../../errors.js';
import type { Quietly } from './quietly.js';

/** What is under way at once, at most: words, bytes, and words of one speaker. */
interface Bounds {
  readonly words: number;
  readonly bytes: number;
  readonly each?: number;
}

/** What waits for nobody but us. */
const AT_HAND: Bounds = { words: 1024, bytes: 8 << 20 };

/** What waits for others, who may never answer: the directory, about an address; the application, about a device. */
const ELSEWHERE: { readonly [Whom in 'lookup' | 'admit']: Bounds } = {
  lookup: { words: 64, bytes: 2 << 20, each: 4 },
  admit: { words: 64, bytes: 2 << 20, each: 1 },
};

/**
 * From here on a word waits for somebody else, and is in nobody's way.
 *
 * @param about - the address or device that it is about
 * @throws `DIRECTORY_RATE_LIMITED` when too much waits: what is given up heals by being said again
 */
export type Wait = (whom: 'lookup' | 'admit', about: string) => void;

/** The statements and messages that are being looked at, bounded: apart from each other, so that one that waits holds up no other. */
export interface Waiting {
  /** Does `work`, which is about `bytes` bytes of somebody's; false when too much is under way. */
  take(bytes: number, work: (wait: Wait) => Promise<unknown>): boolean;
}

export function createWaiting(quietly: Quietly): Waiting {
  const atHand = createPlaces(AT_HAND);
  const elsewhere = { lookup: createPlaces(ELSEWHERE.lookup), admit: createPlaces(ELSEWHERE.admit) };
  return {
    take(bytes, work) {
      let free = atHand('', bytes);
      if (!free) return false;
      const wait: Wait = (whom, about) => {
        const next = elsewhere[whom](about, bytes);
        if (!next) throw new SealMQError('DIRECTORY_RATE_LIMITED', 'too many strangers in the room');
        free?.();
        free = next;
      };
      void quietly(() => work(wait)).finally(() => free?.());
      return true;
    },
  };
}

/** Gives out places within `bounds`: a function that gives the place back, or `undefined` when all are taken. */
function createPlaces({ words, bytes, each = words }: Bounds) {
  const taken = new Map<string, number>();
  let count = 0;
  let size = 0;
  return (about: string, more: number): (() => void) | undefined => {
    const theirs = taken.get(about) ?? 0;
    if (count >= words || size + more > bytes || theirs >= each) return undefined;
    count++;
    size += more;
    taken.set(about, theirs + 1);
    return () => {
      count--;
      size -= more;
      const left = (taken.get(about) ?? 1) - 1;
      if (left > 0) taken.set(about, left);
      else taken.delete(about);
    };
  };
}
