import type { Message } from '../../src/client/message.js';
import { Messenger } from '../../src/client/messenger.js';
import type { MessengerOptions } from '../../src/client/options.js';
import type { Store } from '../../src/ports/store.js';
import type { Transport } from '../../src/ports/transport.js';
import type { Random } from '../../src/testing/seeded.js';
import type { Ledger } from './ledger.js';
import { type MortalStore, mortalStore } from './mortal-store.js';
import type { Presence } from './presence.js';

/** What an actor is made of. */
export interface ActorParts {
  readonly address: string;
  readonly random: Random;
  readonly ledger: Ledger;
  readonly presence: Presence;
  /** Whom the broker is to tell when a connection ends without a farewell. */
  readonly heir?: string;
  /** Outlives all lives of the actor. */
  readonly store: Store;
  /** A new transport for each life, of the same session. */
  readonly connect: () => Transport;
  /** Breaks the connection, as the end of a process does. */
  readonly cut: () => void;
  readonly options: Omit<MessengerOptions, 'address' | 'store' | 'broker'>;
}

/** Batches that a life of those who are to die has before it, at most. */
const SHORT_LIFE = 400;
/** Milliseconds that a dead actor stays away, at most. */
const LONG_AWAY = 120_000;

/** The one channel of everybody's states. */
const CHANNEL = 'presence';

/** Somebody with a messenger, whose process dies now and then and is started again on the same store. */
export class Actor {
  readonly rejections = new Map<string, number>();
  /** Whether the next life ends by itself. */
  mortal = false;
  readonly #parts: ActorParts;
  #messenger: Messenger | undefined;
  #transport: Transport | undefined;
  #process: MortalStore | undefined;
  #life = 0;
  #ended = false;
  #left = false;
  #changing: Promise<void> | undefined;

  constructor(parts: ActorParts) {
    this.#parts = parts;
  }

  get address(): string {
    return this.#parts.address;
  }
  get lives(): number {
    return this.#life;
  }
  get messenger(): Messenger | undefined {
    return this.#messenger;
  }

  /** Opens the messenger; resolves when it is open, if it lives to see that. */
  async live(): Promise<void> {
    const { address, store, random, connect, options, presence, heir } = this.#parts;
    const life = ++this.#life;
    const batches = this.mortal ? random.next(SHORT_LIFE) : Number.POSITIVE_INFINITY;
    const transport = presence.watch(connect(), address, life);
    const process = mortalStore(store, random, batches, () => this.#died(transport));
    this.#process = process;
    this.#transport = transport;
    const messenger = await Messenger.open({
      ...options,
      ...{ address, store: process, broker: transport, connect: 'background' },
      ...(heir !== undefined && { will: { to: heir, payload: `${address} will ${life}` } }),
    });
    if (!process.alive) return;
    this.#messenger = messenger;
    this.#listen(messenger, life);
  }

  /** The process is killed, and started again later. */
  die(): void {
    this.#process?.die();
  }

  /** Sends all of `texts` in one turn, if it lives; resolves when they are taken. */
  async send(to: string, texts: readonly string[]): Promise<void> {
    const messenger = this.#messenger;
    if (!messenger) return;
    const { ledger, address } = this.#parts;
    const burst = texts.join();
    const post = async (text: string) => {
      ledger.begin(text, to);
      const { seq, published } = await messenger.send(to, text);
      const posted = ledger.post({ text, from: address, to, seq, burst });
      published.catch(() => {
        posted.denied = true;
      });
    };
    await Promise.all(texts.map(post));
  }

  /** Sets its state for `to`, or clears it, if it lives and has done with the last change. */
  async changeState(to: string, cleared: boolean): Promise<void> {
    const messenger = this.#messenger;
    if (!messenger || this.#changing) return;
    const { presence, address } = this.#parts;
    const { n, kept } = presence.change(address, to, cleared);
    const done = cleared
      ? messenger.clearState(CHANNEL, { to })
      : messenger.setState(CHANNEL, `${address} state ${n}`, { to });
    // A call that a death cuts short never ends.
    this.#changing = done.then(kept).finally(() => {
      if (messenger === this.#messenger) this.#changing = undefined;
    });
    await this.#changing;
  }

  /** Whether it said farewell before it could die. */
  get left(): boolean {
    return this.#left;
  }

  /** Says farewell, and does not come back. It may die of that, if it is mortal. */
  async leave(): Promise<void> {
    this.#ended = true;
    await this.#messenger?.close();
    this.#left = this.#process?.alive === true;
  }

  /** Is killed, and does not come back. */
  perish(): void {
    this.#ended = true;
    this.die();
  }

  /** Ends for good; nothing is running afterwards. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#process?.die();
    await this.#transport?.close();
  }

  #died(transport: Transport): void {
    this.#messenger = undefined;
    this.#changing = undefined;
    this.#parts.cut();
    void transport.close();
    if (!this.#ended) setTimeout(() => void this.live(), this.#parts.random.next(LONG_AWAY));
  }

  #listen(messenger: Messenger, life: number): void {
    const { ledger, address, presence } = this.#parts;
    messenger.on('message', (message) => this.#handle(message, life));
    messenger.on('state', (state) => presence.tellState(address, state));
    messenger.on('stateCleared', ({ from }) => presence.tellCleared(address, from));
    for (const what of ['missing', 'lost'] as const)
      messenger.on(what, ({ from, range }) => ledger.report(what, address, from, range));
    messenger.on('rejected', ({ reason }) => {
      this.rejections.set(reason, (this.rejections.get(reason) ?? 0) + 1);
    });
  }

  async #handle(message: Message, life: number): Promise<void> {
    // What a dead process does nobody sees.
    if (life !== this.#life || !this.#process?.alive) return;
    const { ledger, address, random, presence } = this.#parts;
    const { text, from, family } = message;
    const threw =
      family === 'will' ? presence.handWill(address, life, message) : ledger.hand(address, life, text, from);
    if (random.chance(0.2)) await new Promise((resolve) => setTimeout(resolve, random.next(200)));
    if (!random.chance(0.03)) return;
    threw();
    throw new TypeError('cannot digest this');
  }
}
