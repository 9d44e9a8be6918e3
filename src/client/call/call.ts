import { toHex } from '../../bytes/bytes.js';
import { SealMQError } from '../../errors.js';
import { encodeWakeNote, MAX_NOTE_LENGTH } from '../../protocol/relay/index.js';
import { aByteArray, assertArgument, assertOptions, duration, either, flag, oneOf, type Rule } from '../arguments.js';
import { createPatience } from '../patience.js';
import type { CallMessage } from './inflow.js';
import type { Line, LineStats } from './line.js';
import type { CallEnd } from './outcome.js';
import type { CallEvents, CallSession } from './session.js';
import type { CallPath } from './way.js';

/** Other arrays would go with parts of their numbers cut off. */
const TEXT_OR_BYTES: Rule = either({ is: (value) => typeof value === 'string', what: 'a text' }, aByteArray);

/** How long `hangUp` waits until the other side has everything, in milliseconds. */
const HANG_UP_PATIENCE = 10_000;

/** With whom a call is. */
export interface CallPeer {
  readonly address: string;
  /** Thumbprint of the identity key that the call is bound to, 32 bytes. */
  readonly identity: Uint8Array;
  /** Whether people compared that key (`contacts.markVerified`). */
  readonly verified: boolean;
}

/** How a message goes. */
export interface CallSendOptions {
  /** Default true. Otherwise it may overtake others, and what is on its way when the way changes can be lost. */
  readonly ordered?: boolean;
}

/** What a call has carried, and how. */
export interface CallStats extends LineStats {
  readonly path: CallPath | undefined;
}

/** An encrypted line to one other device. */
export class Call {
  /** 32 hexadecimal characters; the same on both sides. */
  readonly id: string;
  readonly peer: CallPeer;
  readonly #session: CallSession;
  readonly #line: Line;
  #hangingUp: Promise<void> | undefined;

  /** Made by `Messenger.call` and `IncomingCall.accept`. */
  constructor(session: CallSession, line: Line, peer: CallPeer) {
    this.id = toHex(session.state.call);
    this.peer = peer;
    this.#session = session;
    this.#line = line;
  }

  /** The way it takes now; `undefined` while a new one is looked for. */
  get path(): CallPath | undefined {
    return this.#session.path;
  }

  /**
   * Sends one message. Resolves when it is on its way: await it, and a slow other side slows you down.
   *
   * @param data - a string goes as text; of any size up to what the other side takes (64 MiB unless it says otherwise)
   * @throws `CALL_ENDED` and the other `CALL_` codes once it is over; `USAGE_CLOSED` behind {@link end}; `USAGE_PAYLOAD_TOO_LARGE`,
   *   `USAGE_INVALID_ARGUMENT`
   */
  async send(data: Uint8Array | string, options: CallSendOptions = {}): Promise<void> {
    assertArgument(data, TEXT_OR_BYTES, 'a message of a call');
    assertOptions(options, { ordered: flag }, 'options');
    const { ordered = true } = options;
    if (this.#hangingUp) throw new SealMQError('CALL_ENDED', 'the call was hung up');
    await this.#line.send(data, ordered ? 'ordered' : 'unordered');
  }

  /**
   * Sends nothing any more; the other side can go on, and its loop over {@link messages} ends. Resolves when that loop has come to
   * its end, so that everything is known to be where it should be.
   *
   * @throws `CALL_ENDED` and the other `CALL_` codes when it is over before that
   */
  async end(): Promise<void> {
    await this.#line.end();
  }

  /**
   * The messages of the other side, for one loop. Ends behind the last one, or when the call is over: {@link complete} says which.
   *
   * @throws `USAGE_CONSUMER_EXISTS`
   */
  messages(): AsyncIterableIterator<CallMessage> {
    return this.#line.messages();
  }

  /** Whether the loop over {@link messages} has taken everything: the other side called {@link end} or {@link hangUp}, and nothing is missing. */
  get complete(): boolean {
    return this.#line.complete;
  }

  stats(): CallStats {
    return { ...this.#line.stats, path: this.path };
  }

  /** Listens. @returns a function that stops listening */
  on<Name extends keyof CallEvents>(name: Name, listener: (event: CallEvents[Name]) => void): () => void {
    return this.#session.events.on(name, listener);
  }

  /** Resolves when it is over, and says how. */
  get ended(): Promise<CallEnd> {
    return this.#session.ended;
  }

  /**
   * Ends it, once the other side has everything that was sent.
   *
   * @param patience - how long that may take, in milliseconds; default 10,000
   * @throws `USAGE_INVALID_ARGUMENT`
   */
  async hangUp(options: { readonly patience?: number } = {}): Promise<void> {
    assertOptions(options, { patience: duration }, 'options');
    const { patience = HANG_UP_PATIENCE } = options;
    this.#hangingUp ??= this.#hangUp(patience);
    return this.#hangingUp;
  }

  async #hangUp(patience: number): Promise<void> {
    const shared = createPatience(patience);
    if (patience > 0) await shared.wait(this.#line.finish());
    await this.#session.hangUp();
    await shared.wait(this.#session.told());
  }
}

/** Somebody calls. */
export class IncomingCall {
  readonly from: CallPeer;
  readonly #session: CallSession;
  readonly #dial: Uint8Array;

  /** Made by the messenger. */
  constructor(session: CallSession, from: CallPeer, dial: Uint8Array) {
    this.from = from;
    this.#session = session;
    this.#dial = dial;
  }

  /**
   * Takes it; resolves when the line stands. Where as many calls go on as are wanted at once the caller is told `busy`.
   *
   * @throws `CALL_BUSY`, `CALL_ENDED`, `CALL_ELSEWHERE`, `CALL_FAILED`, `VERIFY_HANDSHAKE` …
   */
  async accept(): Promise<Call> {
    return new Call(this.#session, await this.#session.accept(), this.from);
  }

  /**
   * Does not take it. The caller learns the reason: `declined` ends it for all of our devices, `busy` leaves it to the others.
   *
   * @throws `USAGE_INVALID_ARGUMENT`
   */
  async decline(reason: 'declined' | 'busy' = 'declined'): Promise<void> {
    assertArgument(reason, oneOf('declined', 'busy'), 'the reason');
    await this.#session.hangUp(reason);
  }

  /**
   * Leaves it to another messenger of this account's store, without a word to the caller: a page, when a service worker was woken, which
   * has no WebRTC. Close this messenger, and give what is answered here to the other one's `wake`: there it rings again, within the
   * 90 seconds of its dial. It is base64url, and may stand in a URL.
   *
   * @throws `CALL_ENDED` when it does not ring any more
   */
  handOver(): string {
    if (this.#session.state.phase !== 'ringing') throw new SealMQError('CALL_ENDED', 'the call does not ring any more');
    this.#session.abandon();
    return encodeWakeNote(this.#dial, MAX_NOTE_LENGTH);
  }

  /** Resolves when it is over: the caller hung up, another device took it, or it took too long. */
  get ended(): Promise<CallEnd> {
    return this.#session.ended;
  }
}
