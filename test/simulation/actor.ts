import type { Message } from '../../src/client/message.js';
import { Messenger } from '../../src/client/messenger.js';
import type { MessengerOptions } from '../../src/client/options.js';
import type { Store } from '../../src/ports/store.js';
import type { Transport } from '../../src/ports/transport.js';
import type { Random } from '../../src/testing/seeded.js';
import type { Ledger } from './ledger.js';
import { type MortalStore, mortalStore } from './mortal-store.js';

/** What an actor is made of. */
export interface ActorParts {
  readonly address: string;
  readonly random: Random;
  readonly ledger: Ledger;
  /** Outlives all lives of the actor. */
  readonly store: Store;
  /** A new transport for each life, of the same session. */
  readonly connect: () => Transport;
  readonly options: Omit<MessengerOptions, 'address' | 'store' | 'broker'>;
}

/** Batches that a life of those who are to die has before it, at most. */
const SHORT_LIFE = 400;
/** Milliseconds that a dead actor stays away, at most. */
const LONG_AWAY = 120_000;

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
    const { address, store, random, connect, options } = this.#parts;
    const life = ++this.#life;
    const batches = this.mortal ? random.next(SHORT_LIFE) : Number.POSITIVE_INFINITY;
    const transport = connect();
    const process = mortalStore(store, random, batches, () => this.#died(transport));
    this.#process = process;
    this.#transport = transport;
    const messenger = await Messenger.open({
      ...options,
      ...{ address, store: process, broker: transport, connect: 'background' },
    });
    if (!process.alive) return;
    this.#messenger = messenger;
    this.#listen(messenger, life);
  }

  /** The process is killed, and started again later. */
  die(): void {
    this.#process?.die();
  }

  /** Sends, if it lives; resolves when the message is taken. */
  async send(to: string, text: string): Promise<void> {
    const messenger = this.#messenger;
    if (!messenger) return;
    const { ledger, address } = this.#parts;
    ledger.begin(text, to);
    const { seq, published } = await messenger.send(to, text);
    const posted = ledger.post({ text, from: address, to, seq });
    published.catch(() => {
      posted.denied = true;
    });
  }

  /** Ends for good; nothing is running afterwards. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#process?.die();
    await this.#transport?.close();
  }

  #died(transport: Transport): void {
    this.#messenger = undefined;
    void transport.close();
    if (!this.#ended) setTimeout(() => void this.live(), this.#parts.random.next(LONG_AWAY));
  }

  #listen(messenger: Messenger, life: number): void {
    const { ledger, address } = this.#parts;
    messenger.on('message', (message) => this.#handle(message, life));
    for (const what of ['missing', 'lost'] as const)
      messenger.on(what, ({ from, range }) => ledger.report(what, address, from, range));
    messenger.on('rejected', ({ reason }) => {
      this.rejections.set(reason, (this.rejections.get(reason) ?? 0) + 1);
    });
  }

  async #handle({ text, from }: Message, life: number): Promise<void> {
    // What a dead process does nobody sees.
    if (life !== this.#life || !this.#process?.alive) return;
    const { ledger, address, random } = this.#parts;
    const threw = ledger.hand(address, life, text, from);
    if (random.chance(0.2)) await new Promise((resolve) => setTimeout(resolve, random.next(200)));
    if (!random.chance(0.03)) return;
    threw();
    throw new TypeError('cannot digest this');
  }
}
