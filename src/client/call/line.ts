import { utf8 } from '../../bytes/bytes.js';
import { isSealMQError, SealMQError } from '../../errors.js';
import type { RtcChannel } from '../../ports/rtc.js';
import { counter, type RecordCipher, readCounter } from '../../protocol/call/cipher.js';
import {
  type CallControl,
  type CallRecord,
  CHUNK_OVERHEAD,
  decodeCallControl,
  decodeChunk,
  encodeCallControl,
  encodeChunk,
  MAX_RECORD_BYTES,
  RECORD_OVERHEAD,
  Stream,
} from '../../protocol/call/record.js';
import { createSignal } from '../signal.js';
import { type CallMessage, Inflow, WINDOW_BYTES } from './inflow.js';
import type { Way } from './way.js';

/** Bytes of a message in one record. */
const PIECE_BYTES = MAX_RECORD_BYTES - RECORD_OVERHEAD - CHUNK_OVERHEAD;

/** Records that wait to be opened, at most: what comes beyond that is lost, and comes again. */
const MAX_OPENING = 4096;

/** How long what came may stay unacknowledged, in milliseconds. */
const ACK_DELAY = 50;

/** What a line tells the call that it belongs to. */
export interface LineEvents {
  /** Something opened: the other side is there. */
  heard(): void;
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
  readonly #changed = createSignal();
  readonly #arrived = createSignal();
  /** Records of the ordered stream without acknowledgement, by their number. */
  readonly #kept = new Map<number, CallRecord>();
  readonly #counters = { [Stream.ordered]: 0, [Stream.unordered]: 0, [Stream.control]: 0 };
  readonly #pings = new Map<number, number>();
  #way: Way | undefined;
  #turns: Record<RtcChannel, Promise<unknown>> = { ordered: Promise.resolve(), unordered: Promise.resolve() };
  #opening: Promise<unknown> = Promise.resolve();
  #inOpening = 0;
  #credit = WINDOW_BYTES;
  #peerMaxMessageBytes = Number.POSITIVE_INFINITY;
  #sent = { messages: 0, bytes: 0 };
  #toldCredit = WINDOW_BYTES;
  #ackTimer: ReturnType<typeof setTimeout> | undefined;
  #unorderedMessages = 0;
  #roundTrip: number | undefined;
  #farewell: number | undefined;
  #consumed = false;
  #over: SealMQError | undefined;

  constructor(options: LineOptions) {
    this.#options = options;
    this.#inflow = new Inflow(options.maxMessageBytes);
  }

  get way(): Way | undefined {
    return this.#way;
  }

  get stats(): LineStats {
    const roundTrip = this.#roundTrip;
    return { sent: this.#sent, received: this.#inflow.received, ...(roundTrip !== undefined && { roundTrip }) };
  }

  /** Goes on over another way, or waits for one: what is not acknowledged is sent again. */
  use(way: Way | undefined): void {
    if (this.#way) this.#way.onRoom = () => {};
    this.#way = way;
    if (!way) return;
    way.onRoom = () => this.#changed.notify();
    this.#tell({ kind: 'hello', maxMessageBytes: this.#options.maxMessageBytes });
    this.repeat();
  }

  /** Sends again what is not acknowledged: a broker may have lost it. */
  repeat(): void {
    for (const record of this.#kept.values()) this.#way?.send('ordered', record);
    if (this.#inflow.next > 0) this.#acknowledge();
    this.#changed.notify();
  }

  /** Whether something waits for its acknowledgement. */
  get pending(): boolean {
    return this.#kept.size > 0;
  }

  /** Measures the way, and shows that we are there. */
  ping(): void {
    const n = this.#counters[Stream.control];
    this.#pings.clear();
    this.#pings.set(n, performance.now());
    this.#tell({ kind: 'ping', n });
  }

  /**
   * Sends one message: resolves when it is on its way, and waits for room until then.
   *
   * @throws `USAGE_PAYLOAD_TOO_LARGE`, `CALL_ENDED`
   */
  send(data: Uint8Array | string, channel: RtcChannel): Promise<void> {
    const turn = this.#turns[channel].then(() => this.#send(data, channel));
    this.#turns[channel] = turn.catch(() => {});
    return turn;
  }

  async #send(data: Uint8Array | string, channel: RtcChannel): Promise<void> {
    const text = typeof data === 'string';
    const bytes = text ? utf8(data) : data;
    if (bytes.length > this.#peerMaxMessageBytes) {
      throw new SealMQError('USAGE_PAYLOAD_TOO_LARGE', `the other side takes ${this.#peerMaxMessageBytes} bytes`);
    }
    const message = channel === 'unordered' ? this.#unorderedMessages++ : 0;
    for (let index = 0, start = 0; ; index++, start += PIECE_BYTES) {
      const piece = bytes.subarray(start, start + PIECE_BYTES);
      const last = start + PIECE_BYTES >= bytes.length;
      if (!this.#hasRoom(channel, piece.length)) await this.#room(channel, piece.length);
      if (this.#over) throw this.#over;
      this.#sent.bytes += piece.length;
      const place = channel === 'unordered' ? { place: { message, index } } : {};
      const sealing = this.#put(Stream[channel], encodeChunk({ text, last, bytes: piece, ...place }), channel);
      if (sealing) await sealing;
      if (last) break;
    }
    this.#sent.messages++;
  }

  #hasRoom(channel: RtcChannel, bytes: number): boolean {
    return this.#way !== undefined && this.#sent.bytes + bytes <= this.#credit && !this.#way.full(channel);
  }

  async #room(channel: RtcChannel, bytes: number): Promise<void> {
    while (!this.#over && !this.#hasRoom(channel, bytes)) await this.#changed.wait();
  }

  /** Encrypts and sends one record; the promise, if there is one, is the backend's. */
  #put(
    stream: (typeof Stream)[keyof typeof Stream],
    content: Uint8Array,
    channel: RtcChannel,
  ): Promise<void> | undefined {
    const n = this.#counters[stream]++;
    const ctr = counter(n, stream);
    const go = (ct: Uint8Array) => {
      const record = { ctr, ct };
      if (stream === Stream.ordered) this.#kept.set(n, record);
      this.#way?.send(channel, record);
    };
    const ct = this.#options.sending.seal(ctr, content);
    if (ct instanceof Promise) return ct.then(go);
    go(ct);
    return undefined;
  }

  #tell(control: CallControl): void {
    if (!this.#over) void this.#put(Stream.control, encodeCallControl(control), 'unordered');
  }

  /** Takes a record in, whichever way it came. */
  take(record: CallRecord): void {
    if (this.#over || this.#inOpening >= MAX_OPENING) return;
    this.#inOpening++;
    const content = this.#options.receiving.open(record.ctr, record.ct);
    // In the order they came, even where the backend is not synchronous.
    this.#opening = this.#opening
      .then(() => content)
      .then((bytes) => {
        this.#inOpening--;
        if (bytes && !this.#over) this.#accept(record.ctr, bytes);
      });
  }

  #accept(ctr: Uint8Array, content: Uint8Array): void {
    const { high: stream, low: n } = readCounter(ctr);
    try {
      if (stream === Stream.control) {
        if (this.#inflow.isNew(n)) this.#follow(decodeCallControl(content));
      } else if (stream === Stream.ordered || stream === Stream.unordered) {
        this.#inflow.take(stream, n, decodeChunk(content));
        this.#arrived.notify();
        this.#acknowledgeSoon();
      }
      this.#options.events.heard();
    } catch (error) {
      // It opened, so it is the other side's own doing.
      if (!isSealMQError(error)) throw error;
      this.#options.events.broken(error);
    }
  }

  #follow(control: CallControl): void {
    switch (control.kind) {
      case 'hello':
        this.#peerMaxMessageBytes = control.maxMessageBytes;
        break;
      case 'ack':
        for (const n of this.#kept.keys()) {
          if (n >= control.next) break;
          this.#kept.delete(n);
        }
        this.#credit = Math.max(this.#credit, control.credit);
        break;
      case 'ping':
        this.#tell({ kind: 'pong', n: control.n });
        break;
      case 'pong': {
        const since = this.#pings.get(control.n);
        if (since !== undefined) this.#roundTrip = performance.now() - since;
        break;
      }
      case 'bye':
        this.#farewell = control.records;
        this.#arrived.notify();
        this.#acknowledge();
    }
    this.#changed.notify();
  }

  #acknowledgeSoon(): void {
    if (this.#inflow.credit - this.#toldCredit >= WINDOW_BYTES / 4) this.#acknowledge();
    else this.#ackTimer ??= setTimeout(() => this.#acknowledge(), ACK_DELAY);
  }

  #acknowledge(): void {
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
    this.#toldCredit = this.#inflow.credit;
    this.#tell({ kind: 'ack', next: this.#inflow.next, credit: Math.max(0, this.#toldCredit) });
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
        const arrived = this.#arrived.wait();
        const message = this.#inflow.shift();
        if (message) {
          this.#acknowledgeSoon();
          yield message;
        } else if (this.#over || (this.#farewell !== undefined && this.#inflow.next >= this.#farewell)) return;
        else await arrived;
      }
    } finally {
      this.#consumed = false;
    }
  }

  /** Says that nothing follows, and resolves when the other side has everything. */
  async finish(): Promise<void> {
    await Promise.all(Object.values(this.#turns));
    this.#tell({ kind: 'bye', records: this.#counters[Stream.ordered] });
    while (!this.#over && this.#kept.size > 0) await this.#changed.wait();
  }

  /** Ends it; what was received can still be taken. */
  end(error: SealMQError): void {
    if (this.#over) return;
    this.#over = error;
    clearTimeout(this.#ackTimer);
    this.use(undefined);
    this.#kept.clear();
    this.#changed.notify();
    this.#arrived.notify();
  }
}
