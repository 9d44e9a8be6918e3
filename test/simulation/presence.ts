import type { Message } from '../../src/client/message.js';
import type { Transport } from '../../src/ports/transport.js';
import type { Ledger } from './ledger.js';

/** A connection that began with a will. */
export interface Connection {
  readonly address: string;
  readonly life: number;
  /** When its will was sealed, in seconds. */
  readonly sealedAt: number;
  /** How it ended: a farewell lets nobody send the will. */
  end: 'broken' | 'farewell' | undefined;
  /** Whether a will that can be its own was handed over. */
  told: boolean;
}

/** One change of a state: what was set, or that it was cleared. */
interface Change {
  readonly n: number;
  readonly cleared: boolean;
  /** Whether its owner was told that it is kept; what a death cut short may be kept all the same. */
  kept: boolean;
}

/** What is true of wills and states: which connections there were and how they ended, and what was set in which order. */
export class Presence {
  readonly #ledger: Ledger;
  readonly #connections: Connection[] = [];
  readonly #changes = new Map<string, Change[]>();
  readonly #newestState = new Map<string, number>();
  readonly #newestWill = new Map<string, number>();
  /** Wills that were handed over, and states that were told, all in all. */
  wills = 0;
  states = 0;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** Watches the wills and connections of `transport`, which who dies cuts before closing it. */
  watch(transport: Transport, address: string, life: number): Transport {
    const connections = this.#connections;
    let sealedAt: number | undefined;
    let current: Connection | undefined;
    return {
      publish: (topic, payload, options) => transport.publish(topic, payload, options),
      subscribe: (filters) => transport.subscribe(filters),
      unsubscribe: (filters) => transport.unsubscribe(filters),
      pause: () => transport.pause(),
      resume: () => transport.resume(),
      close() {
        if (current) current.end = 'farewell';
        return transport.close();
      },
      open: (filters, handlers) =>
        transport.open(filters, {
          ...handlers,
          async will() {
            const will = await handlers.will?.();
            sealedAt = will && Math.floor(Date.now() / 1000);
            return will;
          },
          connection(state) {
            if (state.state === 'connected' && sealedAt !== undefined) {
              current = { address, life, sealedAt, end: undefined, told: false };
              connections.push(current);
            } else if (current && state.state !== 'connecting') {
              current.end ??= 'broken';
              current = undefined;
            }
            handlers.connection(state);
          },
        }),
    };
  }

  /** A will is handed to the application of `to` in its n-th life. @returns tells that the handler threw */
  handWill(to: string, life: number, { id, text, from, sentAt }: Message): () => void {
    this.wills++;
    const seconds = sentAt.getTime() / 1000;
    const [sender, ofLife] = text.split(' will ');
    // The store takes milliseconds between the sealing and the connection.
    const its = this.#connections.filter(
      (one) => one.address === from && one.life === Number(ofLife) && Math.abs(one.sealedAt - seconds) <= 1,
    );
    const ended = its.filter(({ end }) => end === 'broken');
    for (const one of ended.length > 0 ? ended : its) one.told = true;
    if (sender !== from || ended.length === 0) {
      this.#ledger.problems.push(`${to} was handed a will of ${from} (${text}), of ${its[0]?.end ?? 'no'} connection`);
    }
    const newest = this.#newestWill.get(`${from}→${to}`) ?? 0;
    if (seconds < newest) this.#ledger.problems.push(`${to} was handed a will of ${from} after a newer one`);
    this.#newestWill.set(`${from}→${to}`, Math.max(newest, seconds));
    // One that was in a handler's hands at a death may come again, no other; as it is with messages.
    const name = `${text} ${id}`;
    this.#ledger.begin(name, to);
    return this.#ledger.hand(to, life, name, from);
  }

  /** Whether the will of the last connection of `from` has been handed over. */
  lastWillCame(from: string): boolean {
    return this.#connections.findLast(({ address }) => address === from)?.told === true;
  }

  /** `from` is about to set its state for `to`, or to clear it. @returns its number, and tells that it is kept */
  change(from: string, to: string, cleared: boolean): { n: number; kept(): void } {
    const changes = this.#changes.get(`${from}→${to}`) ?? [];
    const change: Change = { n: changes.length + 1, cleared, kept: false };
    this.#changes.set(`${from}→${to}`, [...changes, change]);
    return {
      n: change.n,
      kept() {
        change.kept = true;
      },
    };
  }

  /** `to` is told of a state: never of one that is older than what it was told before. */
  tellState(to: string, { from, text }: Message): void {
    this.states++;
    const key = `${from}→${to}`;
    const n = Number(text.split(' state ')[1]);
    const newest = this.#newestState.get(key) ?? 0;
    if (n < newest) this.#ledger.problems.push(`the state of ${key} went back from ${newest} to ${n}`);
    if (!this.#changes.get(key)?.some((change) => change.n === n && !change.cleared)) {
      this.#ledger.problems.push(`${to} was told of a state that ${from} never set: ${text}`);
    }
    this.#newestState.set(key, Math.max(newest, n));
  }

  tellCleared(to: string, from: string): void {
    if (this.#changes.get(`${from}→${to}`)?.some(({ cleared }) => cleared)) return;
    this.#ledger.problems.push(`${to} was told that ${from} cleared a state, which it never did`);
  }

  /** What `to` has in the end is what was kept last, or what a death cut short after it. */
  checkState(from: string, to: string, states: readonly Message[]): void {
    const changes = this.#changes.get(`${from}→${to}`) ?? [];
    const kept = changes.findLastIndex((change) => change.kept);
    if (kept < 0) return;
    const found = states.find((state) => state.from === from);
    const n = found && Number(found.text.split(' state ')[1]);
    const isRight = changes.slice(kept).some((change) => (change.cleared ? n === undefined : change.n === n));
    if (!isRight) this.#ledger.problems.push(`${to} has the state ${n} of ${from}, not ${changes[kept]?.n}`);
  }
}
