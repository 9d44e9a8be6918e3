import { run } from '../../crypto/steps.js';
import { asSealMQError, isSealMQError, type SealMQError } from '../../errors.js';
import { recordCipher } from '../../protocol/call/cipher.js';
import type { CloseReason } from '../../protocol/call/frame.js';
import { advance } from '../../protocol/call/handshake.js';
import type { Party } from '../../protocol/call/keys.js';
import { isPeer } from '../../protocol/call/moves.js';
import type { CallRecord } from '../../protocol/call/record.js';
import type {
  CallInput,
  CallOutput,
  CallState,
  HandshakeContext,
  Phase,
  Transition,
} from '../../protocol/call/state.js';
import { createEvents, type Events } from '../events.js';
import { Line } from './line.js';
import { NonceCache } from './nonce-cache.js';
import { type CallEnd, type Ending, errorOf } from './outcome.js';
import { part } from './part.js';
import type { CallPort, OpenedFrame } from './port.js';
import { Pulse } from './pulse.js';
import type { CallSettings } from './settings.js';
import { Teller } from './teller.js';
import type { CallPath } from './way.js';
import { Wayfinder } from './wayfinder.js';

/** What a call tells. */
export interface CallEvents {
  /** It goes another way from now on; `undefined` while one is looked for. */
  path: CallPath | undefined;
  ended: CallEnd;
}

/** What a session needs. */
export interface SessionParts {
  readonly port: CallPort;
  readonly settings: CallSettings;
  readonly handshake: HandshakeContext;
  /** A frame of this call was passed over. */
  refused(reason: string, from: Party): void;
  warn(error: SealMQError): void;
  /** Whether a call that rings can be taken, as far as those that go on leave room. */
  hasRoom(): boolean;
  /** It is over, and can be forgotten. */
  forget(): void;
}

/** How often a session looks at the time, in milliseconds. */
const TICK = 1_000;

/** Signs of life that may be missing before a new way is looked for, and before the other side is taken for gone. */
const SILENT = 3;
const GONE = 6;

/** Records that may come before their keys. */
const MAX_EARLY = 64;

/** How long the word of it by the broker is waited for where the other side has said by the direct way that it has hung up, in milliseconds. */
const CLOSE_FRAME = 1_000;

/** Drives one call: the handshake's table, the line, and the wayfinder that looks for its ways. */
export class CallSession {
  readonly events: Events<CallEvents> = createEvents();
  /** The frames of this call that were heard. */
  readonly heard = new NonceCache();
  readonly #parts: SessionParts;
  readonly #wayfinder: Wayfinder;
  readonly #teller: Teller;
  #state: CallState;
  #work: Promise<unknown> = Promise.resolve();
  #line: Line | undefined;
  #ending: Ending | undefined;
  readonly #pulse = new Pulse();
  #connectedAt = Number.POSITIVE_INFINITY;
  /** The time of the newest frame of the other side's device, in seconds. */
  #said: number | undefined;
  #leaving: ReturnType<typeof setTimeout> | undefined;
  readonly #ticking: ReturnType<typeof setInterval>;
  #settle!: { resolve: (line: Line) => void; reject: (error: SealMQError) => void };
  /** Resolves when both sides are heard under the keys of messages; rejects when it comes to an end before. */
  readonly connected: Promise<Line>;
  #end!: (end: CallEnd) => void;
  /** Resolves when it is over. */
  readonly ended: Promise<CallEnd>;

  /** @param dialledAt - when the other side dialled, in seconds */
  constructor(parts: SessionParts, { state, outputs }: Transition, dialledAt?: number) {
    this.#parts = parts;
    this.#state = state;
    this.#said = dialledAt;
    this.#wayfinder = new Wayfinder({
      ...{ port: parts.port, settings: parts.settings, warn: parts.warn },
      state: () => this.#state,
      peer: () => this.peer.address,
      input: (input) => this.input(input),
      changed: (path) => this.events.emit('path', path),
      failed: (cause) => this.#fail(cause),
    });
    this.#teller = new Teller({ port: parts.port, warn: parts.warn, failed: (error) => this.#fail(error) });
    this.connected = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.connected.catch(() => {});
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#ticking = setInterval(() => this.#tick(), TICK);
    if (typeof this.#ticking === 'object') this.#ticking.unref?.();
    this.#work = this.#perform(outputs);
  }

  get state(): CallState {
    return this.#state;
  }

  /** With whom: all that is known of them. */
  get peer(): Pick<Party, 'address' | 'identity'> {
    return 'peer' in this.#state ? this.#state.peer : 'callee' in this.#state ? this.#state.callee : this.#lastPeer;
  }

  #lastPeer: Pick<Party, 'address' | 'identity'> = { address: '', identity: new Uint8Array(0) };

  get path(): CallPath | undefined {
    return this.#wayfinder.path;
  }

  /** The state's, and that of a call that was taken while its offer is being made. */
  get phase(): Phase {
    return this.#state.phase === 'ringing' && this.#accepted ? 'offering' : this.#state.phase;
  }

  /** Takes the call that rings, or says that we are busy. */
  accept(): Promise<Line> {
    const offer = () => this.#wayfinder.offer((sdp) => this.input({ kind: 'accept', ...sdp, now: performance.now() }));
    this.#accepted ??= this.#parts.hasRoom() ? offer() : this.hangUp('busy');
    return this.#accepted.then(() => this.connected);
  }

  #accepted: Promise<void> | undefined;

  /** Lets it ring elsewhere: this device says nothing. */
  abandon(): void {
    this.#state = { phase: 'closed', call: this.#state.call };
    this.#close({ reason: 'elsewhere', by: 'us' });
  }

  /** A frame of this call came; resolves when it was dealt with. */
  async frame(received: OpenedFrame): Promise<void> {
    await this.input({ kind: 'frame', received, now: performance.now() });
    if (this.#isWith(received.from)) this.#said = Math.max(this.#said ?? 0, received.issuedAt);
  }

  /**
   * Whether the device that this handshake is with was started anew, and knows nothing of it: it dials behind the last that it said here.
   *
   * @param issuedAt - the dial's, in seconds
   */
  isForgotten(from: Party, issuedAt: number): boolean {
    const isHandshake = ['offering', 'answering', 'connecting'].includes(this.phase);
    return isHandshake && this.#isWith(from) && this.#said !== undefined && issuedAt > this.#said;
  }

  #isWith(from: Party): boolean {
    return 'peer' in this.#state && isPeer(this.#state.peer, from);
  }

  /** Something happened; resolves when it was dealt with. */
  input(input: CallInput): Promise<void> {
    const done = this.#work.then(async () => {
      if (this.#state.phase === 'closed') return;
      const before = this.peer;
      const { state, outputs } = await run(advance(this.#parts.handshake, this.#state, input));
      this.#lastPeer = before;
      this.#state = state;
      await this.#perform(outputs);
    });
    this.#work = done.catch((cause) => this.#fail(asSealMQError(cause, 'CALL_FAILED', 'the call cannot go on')));
    return this.#work as Promise<void>;
  }

  /** A record that came over MQTT; the first ones may be faster than the frame that makes the keys. */
  record(record: CallRecord): void {
    if (this.#line) this.#line.take(record, 'mqtt');
    else if (this.#early.length < MAX_EARLY) this.#early.push(record);
  }

  #early: CallRecord[] = [];

  /** The broker is back: what it may have lost goes again. */
  reconnected(): void {
    this.#teller.again();
    if (this.path === 'mqtt') this.#line?.repeat();
  }

  /**
   * Asks the other side whether it is there, where it may have been started anew: a call of which nothing is heard is over then.
   *
   * @param since - milliseconds; a call that stands for less long is not doubted
   */
  async question(since: number): Promise<void> {
    const line = this.#line;
    if (this.#state.phase !== 'connected' || !line || since <= this.#connectedAt) return;
    if (!(await this.#pulse.answers(() => line.ping()))) await this.hangUp('failed');
  }

  /** Ends it, from whatever state. */
  async hangUp(reason: CloseReason = 'hangup'): Promise<void> {
    this.#wayfinder.confirm();
    // The broker may be away.
    if (reason === 'hangup' && this.path !== 'mqtt') this.#line?.bye();
    await this.input({ kind: 'hangUp', reason });
  }

  async #perform(outputs: readonly CallOutput[]): Promise<void> {
    for (const output of outputs) {
      switch (output.kind) {
        case 'publish':
          this.#teller.tell(output);
          break;
        case 'remote':
          this.#wayfinder.described(output);
          break;
        case 'candidate':
          this.#wayfinder.addCandidate(output.round, output.candidate);
          break;
        case 'keys':
          this.#open(output);
          break;
        case 'connected':
          this.#connectedAt = this.#parts.port.now();
          this.#settle.resolve(this.#line as Line);
          break;
        case 'restart':
          void this.#wayfinder.restart();
          break;
        case 'refused':
          this.#parts.refused(output.reason, output.from);
          break;
        case 'ended':
          this.#close(output);
      }
    }
  }

  /** Resolves when the broker has what we have said: whether something still waits for a connection. */
  told(): Promise<boolean> {
    return this.#teller.told();
  }

  /** The keys of messages are there. */
  #open({ role, keys }: Extract<CallOutput, { kind: 'keys' }>): void {
    const { port, settings } = this.#parts;
    const [ours, theirs] = role === 'caller' ? (['msg-a', 'msg-b'] as const) : (['msg-b', 'msg-a'] as const);
    this.#line = new Line({
      sending: recordCipher(port.provider, keys[ours], this.#state.call),
      receiving: recordCipher(port.provider, keys[theirs], this.#state.call),
      maxMessageBytes: settings.maxMessageBytes,
      events: {
        heard: () => {
          this.#pulse.heard();
          if (this.#state.phase === 'connecting') void this.input({ kind: 'heard' });
        },
        gone: () => {
          this.#leaving ??= setTimeout(() => void this.input({ kind: 'gone' }), CLOSE_FRAME);
        },
        broken: (error) => this.#fail(error),
      },
    });
    this.#pulse.heard();
    this.#wayfinder.open(this.#line, role);
    for (const record of this.#early.splice(0)) this.#line.take(record, 'mqtt');
  }

  #tick(): void {
    const { settings } = this.#parts;
    void this.input({ kind: 'tick', now: performance.now() });
    this.#wayfinder.tick();
    // Until the other side is heard it is told again that we are there.
    if (this.#state.phase === 'connecting' && this.#line?.way) this.#line.ping();
    if (this.#state.phase !== 'connected' || !this.#line) return;
    const { silence } = this.#pulse;
    if (silence >= GONE * settings.heartbeat) void this.hangUp('failed');
    else if ((silence >= SILENT * settings.heartbeat && this.path !== 'mqtt') || this.#line.apart)
      this.#wayfinder.doubt();
    if (silence >= settings.heartbeat) this.#line.ping();
    if (this.path === 'mqtt' && this.#line.overdue >= settings.heartbeat) this.#line.repeat();
  }

  #fail(cause: unknown): void {
    if (this.#ending) return;
    if (isSealMQError(cause)) this.#parts.warn(cause);
    void this.hangUp('failed').then(() => {
      // The table may be unable to say so: it is over all the same.
      if (!this.#ending) this.#close({ reason: 'failed', by: 'us' });
    });
  }

  #close(ending: Ending): void {
    if (this.#ending) return;
    this.#ending = ending;
    clearInterval(this.#ticking);
    clearTimeout(this.#leaving);
    this.#wayfinder.stop();
    const error = errorOf(ending, this.#lastPeer.address);
    this.#settle.reject(error);
    this.#parts.forget();
    void part({ line: this.#line, teller: this.#teller, wayfinder: this.#wayfinder }, ending, error);
    const { reason, by } = ending;
    this.events.emit('ended', { reason, by });
    this.#end({ reason, by });
  }
}
