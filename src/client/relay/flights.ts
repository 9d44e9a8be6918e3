import { toHex } from '../../bytes/bytes.js';

/** Longest pause before a hand-in that is not answered goes out again, in milliseconds. */
const LONGEST_PAUSE = 60_000;

/** A hand-in that is on its way: when it goes out again, and when it first went. */
export interface Flight {
  /** The queue's number. */
  readonly n: number;
  /** How often it has gone out. */
  attempts: number;
  /** When it last went out, in milliseconds of directory time. */
  sentAt: number;
  /** It was made for that, so that no answer to it can be older. */
  isNew: boolean;
  timer: ReturnType<typeof setTimeout> | undefined;
  nonce: string | undefined;
}

/** The hand-ins that wait for an answer. */
export interface Flights {
  readonly size: number;
  get(n: number): Flight | undefined;
  begin(n: number): Flight;
  /** It goes out under this nonce. */
  named(flight: Flight, nonce: Uint8Array): void;
  /** The one that an answer is about. */
  answered(nonce: Uint8Array): Flight | undefined;
  /** Calls `again` when it has waited for long enough, or for `delay` milliseconds. */
  wait(flight: Flight, again: () => void, delay?: number): void;
  end(flight: Flight): void;
  /** Nothing is on its way any more. */
  clear(): void;
}

/** None yet. @param firstPause - milliseconds; doubles with each attempt */
export function createFlights(firstPause: number): Flights {
  const flights = new Map<number, Flight>();
  const byNonce = new Map<string, Flight>();
  const unname = (flight: Flight) => {
    if (flight.nonce !== undefined) byNonce.delete(flight.nonce);
  };
  const end = (flight: Flight) => {
    clearTimeout(flight.timer);
    unname(flight);
    flights.delete(flight.n);
  };

  return {
    get size() {
      return flights.size;
    },
    get: (n) => flights.get(n),
    begin(n) {
      const flight: Flight = { n, attempts: 0, sentAt: 0, isNew: false, timer: undefined, nonce: undefined };
      flights.set(n, flight);
      return flight;
    },
    named(flight, nonce) {
      const name = toHex(nonce);
      if (flight.nonce === name) return;
      unname(flight);
      flight.nonce = name;
      byNonce.set(name, flight);
    },
    answered: (nonce) => byNonce.get(toHex(nonce)),
    wait(flight, again, delay = Math.min(firstPause * 2 ** Math.max(0, flight.attempts - 1), LONGEST_PAUSE)) {
      clearTimeout(flight.timer);
      flight.timer = setTimeout(again, delay);
    },
    end,
    clear() {
      for (const flight of [...flights.values()]) end(flight);
    },
  };
}
