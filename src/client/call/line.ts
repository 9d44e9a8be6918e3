import { asSealMQError, SealMQError } from '../../errors.js';
import type { RtcChannel } from '../../ports/rtc.js';
import { type RecordCipher, readCounter } from '../../protocol/call/cipher.js';
import {
  type CallControl,
  type CallRecord,
  decodeCallControl,
  decodeChunks,
  Stream,
} from '../../protocol/call/record.js';
import { createSignal } from '../signal.js';
import { type CallMessage, Inflow, WINDOW } from './inflow.js';
import { Outflow } from './outflow.js';
import type { Way } from './way.js';

/** Records that wait to be opened, at most: what comes beyond that is lost, and comes again. */
const MAX_OPENING = 4096;

/** How long what came may stay unacknowledged, in milliseconds. */
const ACK_DELAY = 50;

/** So much room that the other side has not heard of is told at once, in bytes: it must not come to wait for it. */
const ACK_BYTES = WINDOW / 4;

/** Pings that come sooner behind one that was answered are not, in milliseconds. */
const PONG_GAP = 50;

/** How long unordered messages are waited for behind the end, in milliseconds. */
const LATE = 2_000;

/** What a line tells the call that it belongs to. */
export interface LineEvents {
  /** Something opened: the other side is there. */
  heard(): void;
  /** The other side has hung up. */
  gone(): void;
  /** What came cannot be dealt with: the other side does not keep to the rules. */
  broken(error: SealMQError): void;
}

/** How a line is made. */
export interface LineOptions {
  readonly sending: RecordCipher;
  readonly receiving: RecordCipher;
  readonly maxMessageBytes: number;
  readonly events: LineEvents;
}

/** What has gone over a line. */
export interface LineStats {
  readonly sent: { readonly messages: number; readonly bytes: number };
  readonly received: { readonly messages: number; readonly bytes: number };
  /** Milliseconds there and back, once measured. */
  readonly roundTrip?: number;
}

/**
 * Messages over records: encrypted once, kept until they are acknowledged, and so carried over from one way to the next. Nothing
 * is sent that the other side has no room for.
 */
export class Line {
  readonly #options: LineOptions;
  readonly #inflow: Inflow;
  readonly #outflow: Outflow;
  readonly #arrived = createSignal();
  readonly #pings = new Map<number, number>();
  #opening: Promise<unknown> = Promise.resolve();
  #inOpening = 0;
  /** The other side's last `hello`, which is the first that it says on a way, and whether that was MQTT, since we are on ours. */
  #greeted = { n: -1, elsewhere: false };
  #toldCredit = WINDOW;
  #pongAt = Number.NEGATIVE_INFINITY;
  #ackTimer: ReturnType<typeof setTimeout> | undefined;
  #roundTrip: number | undefined;
  #lateTimer: ReturnType<typeof setTimeout> | undefined;
  #late = false;
  #consumed = false;
  #over: SealMQError | undefined;

  constructor(options: LineOptions) {
    this.#options = options;
    this.#inflow = new Inflow(options.maxMessageBytes);
    this.#outflow = new Outflow(options.sending);
  }

  get way(): Way | undefined {
    return this.#outflow.way;
  }

  /** Whether the other side has left for MQTT, and we have not: our way may lead nowhere although it looks well, or none is left to us. */
  get apart(): boolean {
    return this.#greeted.elsewhere && this.way?.path !== 'mqtt';
  }

  get stats(): LineStats {
    const roundTrip = this.#roundTrip;
    return { sent: this.#outflow.sent, received: this.#inflow.received, ...(roundTrip !== undefined && { roundTrip }) };
  }

  /** Goes on over another way, or waits for one: what is not acknowledged is sent again. */
  use(way: Way | undefined): void {
    this.#outflow.use(way);
    if (!way) return;
    this.#greeted.elsewhere = false;
    this.#outflow.greet(this.#options.maxMessageBytes);
    this.repeat();
  }

  /** Sends again what is not acknowledged: a broker may have lost it. */
  repeat(): void {
    this.#outflow.repeat();
    if (this.#inflow.next > 0) this.acknowledge();
  }

  /** Whether something waits for its acknowledgement. */
  get pending(): boolean {
    return this.#outflow.pending;
  }

  /** How long something has waited for its acknowledgement although nothing is under way, in milliseconds. */
  get overdue(): number {
    return this.way?.clear ? this.#outflow.stalled : 0;
  }

  /** Measures the way, and shows that we are there. */
  ping(): void {
    const n = this.#outflow.nextControl;
    this.#pings.clear();
    this.#pings.set(n, performance.now());
    this.#outflow.tell({ kind: 'ping', n });
  }

  /**
   * Sends one message: resolves when it is on its way, and waits for room until then.
   *
   * @throws `USAGE_PAYLOAD_TOO_LARGE`, `USAGE_CLOSED` behind {@link end}, `CALL_ENDED`
   */
  send(data: Uint8Array | string, channel: RtcChannel): Promise<void> {
    return this.#outflow.send(data, channel);
  }

  /** Takes a record in. @param by - which way it came */
  take(record: CallRecord, by: 'rtc' | 'mqtt'): void {
    if (this.#over || this.#inOpening >= MAX_OPENING) return;
    const content = this.#options.receiving.open(record.ctr, record.ct);
    const accept = (bytes: Uint8Array | null) => {
      if (bytes && !this.#over) this.#accept(record.ctr, bytes, by);
    };
    if (!(content instanceof Promise)) {
      accept(content);
      return;
    }
    this.#inOpening++;
    // In the order they came, whichever is opened first.
    this.#opening = this.#opening
      .then(() => content)
      .then((bytes) => {
        this.#inOpening--;
        accept(bytes);
      });
  }

  #accept(ctr: Uint8Array, content: Uint8Array, by: 'rtc' | 'mqtt'): void {
    const { high: stream, low: n } = readCounter(ctr);
    try {
      const isNew = stream === Stream.control ? this.#control(n, content, by) : this.#take(stream, n, content);
      // Anybody can say again what was said.
      if (isNew) this.#options.events.heard();
    } catch (error) {
      // It opened, so it is the other side's own doing; and nobody is there to catch anything else.
      this.#options.events.broken(asSealMQError(error, 'CALL_FAILED', 'what came cannot be dealt with'));
    }
  }

  #take(stream: number, n: number, content: Uint8Array): boolean {
    if (stream !== Stream.ordered && stream !== Stream.unordered) return false;
    const isNew = this.#inflow.take(stream, n, decodeChunks(content));
    this.#arrived.notify();
    // What comes again was perhaps not acknowledged.
    if (isNew && this.#inflow.ended) this.#ended();
    else this.#acknowledgeSoon();
    return isNew;
  }

  #control(n: number, content: Uint8Array, by: 'rtc' | 'mqtt'): boolean {
    if (!this.#inflow.isNew(n)) return false;
    this.#follow(decodeCallControl(content), n, by);
    return true;
  }

  #follow(control: CallControl, n: number, by: 'rtc' | 'mqtt'): void {
    switch (control.kind) {
      case 'hello':
        this.#outflow.peerMaxMessageBytes = control.maxMessageBytes;
        this.#inflow.pass(control.next, control.spent);
        this.#acknowledgeSoon();
        if (n > this.#greeted.n) this.#greeted = { n, elsewhere: by === 'mqtt' };
        break;
      case 'ack':
        this.#outflow.acknowledged(control);
        break;
      case 'bye':
        this.#outflow.acknowledged(control);
        this.#options.events.gone();
        break;
      case 'ping':
        this.#answer(control.n);
        break;
      case 'pong': {
        const since = this.#pings.get(control.n);
        if (since !== undefined) this.#roundTrip = performance.now() - since;
      }
    }
  }

  #answer(ping: number): void {
    const now = performance.now();
    if (now - this.#pongAt < PONG_GAP) return;
    this.#pongAt = now;
    this.#outflow.tell({ kind: 'pong', n: ping });
  }

  /** The other side sends nothing more, and may wait to hear that we know. */
  #ended(): void {
    this.acknowledge();
    if (!this.#inflow.awaitsUnordered || this.#lateTimer !== undefined) return;
    this.#lateTimer = setTimeout(() => {
      this.#late = true;
      this.#arrived.notify();
    }, LATE);
  }

  #acknowledgeSoon(): void {
    if (this.#inflow.credit - this.#toldCredit >= ACK_BYTES) this.acknowledge();
    else this.#ackTimer ??= setTimeout(() => this.acknowledge(), ACK_DELAY);
  }

  /** Says how far we have come. @param by - a way that outlives the present one */
  acknowledge(by?: Way): void {
    this.#sayHowFar('ack', by);
  }

  /** Says how far we have come, and that we have hung up. */
  bye(): void {
    this.#sayHowFar('bye');
  }

  #sayHowFar(kind: 'ack' | 'bye', by?: Way): void {
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
    this.#toldCredit = this.#inflow.grant();
    const { next, taken } = this.#inflow;
    this.#outflow.tell({ kind, next, credit: this.#toldCredit, taken }, by);
  }

  /** The messages of the other side, for one loop. @throws `USAGE_CONSUMER_EXISTS` */
  messages(): AsyncGenerator<CallMessage, void> {
    if (this.#consumed) throw new SealMQError('USAGE_CONSUMER_EXISTS', 'another loop takes the messages of this call');
    this.#consumed = true;
    return this.#consume();
  }

  async *#consume(): AsyncGenerator<CallMessage, void> {
    try {
      for (;;) {
        const message = this.#inflow.shift();
        if (message) {
          this.#acknowledgeSoon();
          yield message;
        } else if (this.#inflow.ended && (!this.#inflow.awaitsUnordered || this.#late || this.#over)) {
          this.#inflow.takeEnd();
          this.acknowledge();
          return;
        } else if (this.#over) return;
        else await this.#arrived.wait();
      }
    } finally {
      this.#consumed = false;
    }
  }

  /** Whether everything was taken, up to the end that the other side has set. */
  get complete(): boolean {
    return this.#inflow.ended && this.#inflow.taken === this.#inflow.next;
  }

  /**
   * Says that nothing follows, and resolves when the application of the other side has taken everything.
   *
   * @throws `CALL_ENDED` and the like when it is over before
   */
  end(): Promise<void> {
    return this.#outflow.end();
  }

  /** The end that was set, where the application waits for it: who hangs up does not, once it is over. */
  get ending(): Promise<void> | undefined {
    return this.#outflow.ending;
  }

  /** Says that nothing follows, and resolves when the other side has received everything. @throws as {@link end} */
  finish(): Promise<void> {
    return this.#outflow.finish();
  }

  /** It is over; what was received can still be taken. */
  close(error: SealMQError): void {
    if (this.#over) return;
    this.#over = error;
    clearTimeout(this.#ackTimer);
    clearTimeout(this.#lateTimer);
    this.#outflow.close(error);
    this.#arrived.notify();
  }
}
