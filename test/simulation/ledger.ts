import type { Range } from '../../src/protocol/envelope/sequence.js';

/** A message that `send` has taken. */
export interface Posted {
  readonly text: string;
  readonly from: string;
  readonly to: string;
  readonly seq: number;
  /** What was sent in the same turn may travel together, under one number. */
  readonly burst: string;
  /** The broker said no, and the sender was told. */
  denied: boolean;
}

/** One handing over of a message to an application. */
interface Handing {
  readonly text: string;
  /** Which life of the receiver it was, and how many it had been handed in that life before. */
  readonly life: number;
  readonly turn: number;
  threw: boolean;
}

/** How many messages of a life that ended may come again, by the setting `settle`. */
export const MAY_COME_AGAIN = { soon: 64, each: 1 };

/** Who has sent what to whom, and what has become of it: the truth that nobody in the simulation sees. */
export class Ledger {
  readonly posted = new Map<string, Posted>();
  readonly problems: string[] = [];
  /** Fingerprint of everything that was handed over, and when: the same in every run of a seed. */
  trace = 0;
  /** Numbers, and the burst that each was given to. */
  readonly #numbers = new Map<string, string>();
  readonly #handed = new Map<string, Handing[]>();
  readonly #lastOfLife = new Map<string, number>();
  readonly #missing = new Map<string, Range[]>();
  readonly #lost = new Map<string, Range[]>();
  readonly #begun = new Map<string, string>();

  /** @param settling - the setting `settle` of an address */
  constructor(readonly settling: (address: string) => keyof typeof MAY_COME_AGAIN) {}

  /** An application calls `send`; a crash may keep it from learning that it worked. */
  begin(text: string, to: string): void {
    this.#begun.set(text, to);
  }

  post(message: Omit<Posted, 'denied'>): Posted {
    const number = `${message.from}→${message.to} ${message.seq}`;
    if ((this.#numbers.get(number) ?? message.burst) !== message.burst)
      this.problems.push(`the number ${number} was given twice`);
    this.#numbers.set(number, message.burst);
    const posted = { ...message, denied: false };
    this.posted.set(message.text, posted);
    return posted;
  }

  /** A message is handed to the application of `to` in its n-th life. @returns tells that the handler threw */
  hand(to: string, life: number, text: string, from: string): () => void {
    const turn = (this.#lastOfLife.get(`${to} ${life}`) ?? 0) + 1;
    this.#lastOfLife.set(`${to} ${life}`, turn);
    this.#note(`${performance.now()} ${to} ${life} ${text}`);
    const before = this.#handed.get(text) ?? [];
    const previous = before.at(-1);
    if (this.#begun.get(text) !== to || !text.startsWith(`${from} `)) {
      this.problems.push(`${to} was handed what nobody sent: ${from}, ${text}`);
    } else if (previous && !previous.threw && !this.#wasCutShort(to, previous, life)) {
      this.problems.push(
        `${to} was handed ${text} again in life ${life}, after life ${previous.life} was through with it`,
      );
    }
    const handing: Handing = { text, life, turn, threw: false };
    this.#handed.set(text, [...before, handing]);
    return () => {
      handing.threw = true;
    };
  }

  /** `to` said that these numbers of `from` are missing, or that they are lost. */
  report(what: 'missing' | 'lost', to: string, from: string, range: Range): void {
    const reports = what === 'missing' ? this.#missing : this.#lost;
    const key = `${from}→${to}`;
    reports.set(key, [...(reports.get(key) ?? []), range]);
  }

  isReported(message: Posted): boolean {
    return isIn(this.#missing, message) || this.isLost(message);
  }

  isLost(message: Posted): boolean {
    return isIn(this.#lost, message);
  }

  isHandled(text: string): boolean {
    const last = this.#handed.get(text)?.at(-1);
    return last !== undefined && !last.threw;
  }

  /** Messages that were taken, and not denied, and have not been handled. */
  unhandled(): Posted[] {
    return [...this.posted.values()].filter(({ text, denied }) => !denied && !this.isHandled(text));
  }

  /** Numbers of the messages of `from` to `to` that were handled, in the order in which they were. */
  handledSeqs(from: string, to: string): number[] {
    return [...this.#handed.keys()]
      .map((text) => this.posted.get(text))
      .filter((message) => message?.from === from && message.to === to && this.isHandled(message.text))
      .map((message) => message?.seq as number);
  }

  #note(event: string): void {
    for (let i = 0; i < event.length; i++) this.trace = Math.imul(this.trace ^ event.charCodeAt(i), 0x01000193) >>> 0;
  }

  /** The last messages of a life that ended may come again: nobody recorded that their handlers were through. */
  #wasCutShort(to: string, { life, turn }: Handing, now: number): boolean {
    const ofLife = this.#lastOfLife.get(`${to} ${life}`) ?? 0;
    return life < now && turn > ofLife - MAY_COME_AGAIN[this.settling(to)];
  }
}

function isIn(reports: ReadonlyMap<string, readonly Range[]>, { from, to, seq }: Posted): boolean {
  return (reports.get(`${from}→${to}`) ?? []).some(([first, last]) => seq >= first && seq <= last);
}
