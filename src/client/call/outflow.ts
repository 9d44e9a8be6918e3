import { utf8 } from '../../bytes/bytes.js';
import { SealMQError } from '../../errors.js';
import { createCourtesy } from '../../pause.js';
import type { RtcChannel } from '../../ports/rtc.js';
import { counter, type RecordCipher } from '../../protocol/call/cipher.js';
import {
  type CallControl,
  costOf,
  encodeCallControl,
  encodeChunk,
  MAX_PIECE_BYTES,
  Stream,
} from '../../protocol/call/record.js';
import { createSignal } from '../signal.js';
import { WINDOW } from './inflow.js';
import { Packer } from './packer.js';
import { RecordMemory, type Slot } from './record-memory.js';
import type { Way } from './way.js';

/** Takes messages apart into records: each encrypted once, sent as the other side has room, and kept until it is acknowledged. */
export class Outflow {
  readonly #cipher: RecordCipher;
  readonly #changed = createSignal();
  /** Records of the ordered stream without acknowledgement, by their number. */
  readonly #kept = new Map<number, Slot>();
  /** When the last acknowledgement has come that made a difference, or the first record began to wait for one. */
  #progressAt = performance.now();
  readonly #memory = new RecordMemory();
  readonly #packer = new Packer(this.#memory, (content, slot) =>
    this.#seal(Stream.ordered, [content], 'ordered', { slot }),
  );
  readonly #counters = { [Stream.ordered]: 0, [Stream.unordered]: 0, [Stream.control]: 0 };
  #turns: Record<RtcChannel, Promise<unknown>> = { ordered: Promise.resolve(), unordered: Promise.resolve() };
  #way: Way | undefined;
  #credit = WINDOW;
  /** What all pieces that were sent count for, and those of the unordered stream. */
  #spent = 0;
  #unorderedSpent = 0;
  #sent = { messages: 0, bytes: 0 };
  readonly #courtesy = createCourtesy();
  #unorderedMessages = 0;
  #ending: Promise<void> | undefined;
  #isAwaited = false;
  /** The number of the record that says that nothing follows, and how far the other side has come. */
  #endRecord = Number.POSITIVE_INFINITY;
  #heard = 0;
  #taken = 0;
  #over: SealMQError | undefined;
  /** Largest message that the other side takes, in bytes. */
  peerMaxMessageBytes = Number.POSITIVE_INFINITY;

  constructor(cipher: RecordCipher) {
    this.#cipher = cipher;
  }

  get sent(): { readonly messages: number; readonly bytes: number } {
    return this.#sent;
  }

  get way(): Way | undefined {
    return this.#way;
  }

  /** The number of the next control record. */
  get nextControl(): number {
    return this.#counters[Stream.control];
  }

  get ending(): Promise<void> | undefined {
    return this.#isAwaited ? this.#ending : undefined;
  }

  /** Whether something waits for its acknowledgement. */
  get pending(): boolean {
    return this.#kept.size > 0 || this.#packer.pending;
  }

  /** Goes on over another way, or waits for one. */
  use(way: Way | undefined): void {
    if (this.#way) this.#way.onRoom = () => {};
    this.#way = way;
    if (way) way.onRoom = () => this.#changed.notify();
  }

  /** Says that the way works: what went the unordered way before may be lost. */
  greet(maxMessageBytes: number): void {
    this.tell({ kind: 'hello', maxMessageBytes, next: this.#counters[Stream.unordered], spent: this.#unorderedSpent });
  }

  /** How long something has waited for its acknowledgement, and none has come, in milliseconds. */
  get stalled(): number {
    return this.#kept.size > 0 ? performance.now() - this.#progressAt : 0;
  }

  /** Sends again what is not acknowledged. */
  repeat(): void {
    this.#progressAt = performance.now();
    for (const { bytes } of this.#kept.values()) this.#way?.send('ordered', bytes);
    this.#changed.notify();
  }

  /** How far the other side has come. */
  acknowledged({ next, credit, taken }: Extract<CallControl, { kind: 'ack' | 'bye' }>): void {
    this.#heard = Math.max(this.#heard, next);
    this.#taken = Math.max(this.#taken, taken);
    this.#credit = Math.max(this.#credit, credit);
    const before = this.#kept.size;
    for (const [n, slot] of this.#kept) {
      // The last one is said again until all of it has been taken: that, too, can be lost.
      if (n >= next || (n === this.#endRecord && taken <= n)) break;
      this.#kept.delete(n);
      this.#memory.give(slot);
    }
    if (this.#kept.size < before) this.#progressAt = performance.now();
    if (this.#kept.size === 0) this.#memory.trim();
    this.#changed.notify();
  }

  /** Sends one message, behind those before it. @throws as `Line.send` */
  send(data: Uint8Array | string, channel: RtcChannel): Promise<void> {
    if (this.#ending) return Promise.reject(new SealMQError('USAGE_CLOSED', 'nothing is sent behind the end'));
    const turn = this.#turns[channel].then(() => this.#send(data, channel));
    this.#turns[channel] = turn.catch(() => {});
    return turn;
  }

  async #send(data: Uint8Array | string, channel: RtcChannel): Promise<void> {
    const text = typeof data === 'string';
    const bytes = text ? utf8(data) : data;
    if (bytes.length > this.peerMaxMessageBytes) {
      throw new SealMQError('USAGE_PAYLOAD_TOO_LARGE', `the other side takes ${this.peerMaxMessageBytes} bytes`);
    }
    const message = channel === 'unordered' ? this.#unorderedMessages++ : 0;
    for (let index = 0, start = 0; ; index++, start += MAX_PIECE_BYTES) {
      const piece = bytes.subarray(start, start + MAX_PIECE_BYTES);
      const last = start + MAX_PIECE_BYTES >= bytes.length;
      const othersTurn = this.#courtesy();
      if (othersTurn) await othersTurn;
      if (!this.#hasRoom(channel, piece.length)) await this.#room(channel, piece.length);
      if (this.#over) throw this.#over;
      this.#sent.bytes += piece.length;
      const cost = costOf(piece.length);
      this.#spent += cost;
      if (channel === 'unordered') this.#unorderedSpent += cost;
      const sealing =
        channel === 'ordered'
          ? this.#packer.add(encodeChunk({ text, last, bytes: piece }))
          : this.#seal(Stream.unordered, encodeChunk({ text, last, bytes: piece, place: { message, index } }), channel);
      if (sealing) await sealing;
      if (last) break;
    }
    this.#sent.messages++;
  }

  #hasRoom(channel: RtcChannel, bytes: number): boolean {
    return this.#way !== undefined && this.#spent + costOf(bytes) <= this.#credit && !this.#way.full(channel);
  }

  async #room(channel: RtcChannel, bytes: number): Promise<void> {
    while (!this.#over && !this.#hasRoom(channel, bytes)) await this.#changed.wait();
  }

  /** Sends what is not a message. It is lost where there is no way. @param by - not the present one */
  tell(control: CallControl, by?: Way): void {
    if (!this.#over) void this.#seal(Stream.control, [encodeCallControl(control)], 'unordered', { by });
  }

  /**
   * Encrypts and sends one record; the promise, if there is one, is the backend's.
   *
   * @param slot - where it is made, if it is to be kept
   * @param by - not the present way
   */
  #seal(
    stream: (typeof Stream)[keyof typeof Stream],
    content: readonly Uint8Array[],
    channel: RtcChannel,
    { slot, by }: { readonly slot?: Slot; readonly by?: Way | undefined } = {},
  ): Promise<void> | undefined {
    const n = this.#counters[stream]++;
    const go = (record: Uint8Array) => {
      if (slot && this.#kept.size === 0) this.#progressAt = performance.now();
      if (slot) this.#kept.set(n, slot);
      (by ?? this.#way)?.send(channel, record);
    };
    const record = this.#cipher.seal(counter(n, stream), content, slot?.bytes);
    if (record instanceof Promise) return record.then(go);
    go(record);
    return undefined;
  }

  /** As `Line.end`. */
  end(): Promise<void> {
    this.#isAwaited = true;
    return this.#setEnd();
  }

  #setEnd(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #end(): Promise<void> {
    await Promise.all(Object.values(this.#turns));
    await this.#packer.flush();
    if (this.#over) throw this.#over;
    this.#endRecord = this.#counters[Stream.ordered];
    this.#packer.add(encodeChunk({ unordered: this.#unorderedMessages }));
    await this.#packer.flush();
    await this.#until(() => this.#taken > this.#endRecord);
  }

  /** As `Line.finish`. */
  async finish(): Promise<void> {
    this.#setEnd().catch(() => {});
    await this.#until(() => this.#heard > this.#endRecord);
  }

  async #until(reached: () => boolean): Promise<void> {
    while (!reached()) {
      if (this.#over) throw this.#over;
      await this.#changed.wait();
    }
  }

  /** It is over: what is still to be sent fails with `error`. */
  close(error: SealMQError): void {
    this.#over = error;
    this.#packer.close();
    this.use(undefined);
    this.#kept.clear();
    this.#changed.notify();
  }
}
