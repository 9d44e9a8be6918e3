/** Longest pause between two reminders, in milliseconds. */
const LONGEST_PAUSE = 3600 * 1000;

/** When each peer that owes a receipt is to be reminded: after a first pause, then with doubled ones up to an hour. */
export interface Reminders {
  /** Those of `debtors` whose turn has come at `now`; who is no debtor any more is forgotten. Milliseconds. */
  due(debtors: Iterable<string>, now: number): readonly string[];
  /** The peer's turn comes at `at`, or after a first pause where that is sooner. Milliseconds. */
  soon(address: string, at: number, now: number): void;
  /** A sign of life came: the peer starts over. */
  heard(address: string): void;
}

/** Nobody owes anything yet. `firstPause` in milliseconds. */
export function createReminders(firstPause: number): Reminders {
  let turns = new Map<string, { readonly at: number; readonly pause: number }>();
  return {
    due(debtors, now) {
      const due: string[] = [];
      const next: typeof turns = new Map();
      for (const address of debtors) {
        const turn = turns.get(address) ?? { at: now + firstPause, pause: firstPause };
        if (now < turn.at) {
          next.set(address, turn);
          continue;
        }
        due.push(address);
        const pause = Math.min(turn.pause * 2, LONGEST_PAUSE);
        next.set(address, { at: now + pause, pause });
      }
      turns = next;
      return due;
    },
    soon(address, at, now) {
      turns.set(address, { at: Math.min(at, now + firstPause), pause: firstPause });
    },
    heard: (address) => {
      turns.delete(address);
    },
  };
}
