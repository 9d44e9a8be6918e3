import { toHex } from '../../bytes/bytes.js';
import { run } from '../../crypto/steps.js';
import { asSealMQError, isSealMQError, SealMQError } from '../../errors.js';
import { ring } from '../../protocol/call/callee.js';
import { dial } from '../../protocol/call/caller.js';
import { CALL_ID_BYTES, type CloseReason, type DialFrame } from '../../protocol/call/frame.js';
import type { Party } from '../../protocol/call/keys.js';
import { type Caller, goingOn, judgeDial, type Ongoing } from '../../protocol/call/line.js';
import { isPeer } from '../../protocol/call/moves.js';
import { decodeRecordMessage, isRecordMessage } from '../../protocol/call/record.js';
import type { HandshakeContext, Transition } from '../../protocol/call/state.js';
import type { Rejection } from '../rejection.js';
import { Call, type CallPeer, IncomingCall } from './call.js';
import { Farewells } from './farewells.js';
import { FrameFilter } from './frame-filter.js';
import type { CallPort, OpenedFrame } from './port.js';
import { CallSession } from './session.js';
import type { CallSettings } from './settings.js';

/** Frames that are being opened, at most: what comes beyond that is lost. */
const MAX_OPENING = 256;

/** Where calls are told. */
export interface SwitchboardEvents {
  /** Somebody calls; false when nobody listens. */
  ring(incoming: IncomingCall): Promise<boolean>;
  rejected(rejection: Rejection): void;
  warn(error: SealMQError): void;
}

/** The calls of one messenger. */
export class Switchboard {
  readonly #port: CallPort;
  readonly #settings: CallSettings;
  readonly #events: SwitchboardEvents;
  readonly #sessions = new Map<string, CallSession>();
  readonly #filter: FrameFilter;
  readonly #farewells = new Farewells();
  /** Our own dials, and which call they became. */
  readonly #dialling = new Map<CallSession, (session: CallSession) => void>();
  #opening = 0;
  #closed = false;

  constructor(port: CallPort, settings: CallSettings, events: SwitchboardEvents) {
    this.#port = port;
    this.#filter = new FrameFilter(port);
    this.#settings = settings;
    this.#events = events;
  }

  /** How many calls are going on. */
  get size(): number {
    return this.#sessions.size;
  }

  /** @throws as `Messenger.call` */
  async call(to: string, signal?: AbortSignal): Promise<Call> {
    if (signal?.aborted) throw new SealMQError('CALL_ENDED', 'given up before it began');
    if (to === this.#port.address) throw new SealMQError('USAGE_INVALID_ARGUMENT', 'nobody calls themselves');
    // Somebody who is gone without a word must not keep us from calling them.
    if (this.#goingOn >= this.#settings.limit) await this.#question(({ address }) => address === to);
    const callee = await this.#port.reach(to);
    const handshake = await run(this.#port.handshake());
    const id = this.#port.provider.randomBytes(CALL_ID_BYTES).slice();
    const ringing = () => this.#find(to, 'ringing');
    const first = ringing() ? undefined : await run(dial(handshake, callee, id, performance.now()));
    if (this.#closed) throw new SealMQError('USAGE_CLOSED', 'the messenger is closed');
    // They were faster: it is one call, whoever pressed the button first.
    const theirs = ringing();
    if (theirs || !first) return this.#join(theirs as CallSession, signal);
    if (this.#goingOn >= this.#settings.limit)
      throw new SealMQError('CALL_BUSY', 'as many calls as wanted are going on');
    const session = this.#add(handshake, first);
    const became = new Promise<CallSession>((resolve) => this.#dialling.set(session, resolve));
    const other = became.then((next) => next.connected.then((line) => ({ session: next, line })));
    // It may fail before ours has come to its end, when nobody waits for it yet.
    other.catch(() => {});
    const own = session.connected.then(
      (line) => ({ session, line }),
      (error) => (this.#dropped.has(session) ? other : Promise.reject(error)),
    );
    const giveUp = () => {
      void session.hangUp();
      void became.then((next) => next.hangUp());
    };
    try {
      const { session: won, line } = await unlessAborted(own, signal, giveUp);
      return new Call(won, line, this.#peerOf(won));
    } finally {
      this.#dialling.delete(session);
    }
  }

  /** Calls that count no more: their end is on its way. */
  readonly #dropped = new WeakSet<CallSession>();

  /** Takes bytes that came on our topic of family `signal`. */
  take(bytes: Uint8Array): void {
    if (this.#closed) return;
    if (isRecordMessage(bytes)) this.#record(bytes);
    else if (this.#opening >= MAX_OPENING) this.#events.rejected({ reason: 'too-many' });
    else this.#open(bytes);
  }

  #open(bytes: Uint8Array): void {
    this.#opening++;
    this.#port
      .open(bytes)
      .then(async (opened) => {
        if (!opened) return;
        if ('rejection' in opened) this.#events.rejected(opened.rejection);
        else await this.#frame(opened);
      })
      .catch((cause) => this.#events.warn(asSealMQError(cause, 'CALL_FAILED', 'a call frame was not dealt with')))
      .finally(() => {
        this.#opening--;
      });
  }

  /** The connection to the broker came or went. */
  connected(up: boolean): void {
    if (!up) return;
    for (const session of this.#sessions.values()) session.reconnected();
    this.#farewells.again();
  }

  /** Hangs up everything. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(
      [...this.#sessions.values()].map(async (session) => {
        await session.hangUp();
        await session.told();
      }),
    );
  }

  #record(bytes: Uint8Array): void {
    try {
      const { callId, ...record } = decodeRecordMessage(bytes);
      this.#sessions.get(toHex(callId))?.record(record);
    } catch (error) {
      if (!isSealMQError(error)) throw error;
      this.#events.rejected({ reason: 'malformed', error });
    }
  }

  async #frame(opened: OpenedFrame): Promise<void> {
    const { frame, from } = opened;
    const session = this.#sessions.get(toHex(frame.call));
    const novelty = this.#filter.hear(opened, session, Math.floor(this.#port.now() / 1000));
    if (novelty !== 'new') return this.#events.rejected({ reason: novelty, from: from.address });
    if (session) return session.frame(opened);
    if (frame.type === 'dial') return this.#dialled({ ...opened, frame });
    // A call may be over before its dial is here.
    if (frame.type === 'close') this.#filter.ended(frame, from);
    else this.#events.rejected({ reason: 'unexpected', from: from.address });
  }

  /** How many calls go on that do not merely ring. */
  get #goingOn(): number {
    return goingOn(this.#ongoing());
  }

  #ongoing(): readonly (Ongoing & { readonly session: CallSession })[] {
    return [...this.#sessions.values()]
      .filter((session) => !this.#dropped.has(session))
      .map((session) => ({ session, phase: session.phase, ...this.#callerOf(session.peer) }));
  }

  #callerOf(peer: Pick<Party, 'address' | 'identity'>): Caller {
    return { address: peer.address, standing: this.#port.standing(peer) };
  }

  /** Those with whom calls stand are asked whether they are there. @param since - as in {@link CallSession.question} */
  async #question(who: (peer: Party) => boolean, since = Number.POSITIVE_INFINITY): Promise<void> {
    const doubted = [...this.#sessions.values()].filter(({ state }) => state.phase === 'connected' && who(state.peer));
    await Promise.all(doubted.map((session) => session.question(since)));
  }

  async #dialled(opened: OpenedFrame & { readonly frame: DialFrame }): Promise<void> {
    const { frame, from, issuedAt } = opened;
    const now = performance.now();
    const age = Math.max(0, this.#port.now() - issuedAt * 1000);
    const over = () => this.#closed || this.#filter.wasEnded(frame, from);
    if (over()) return;
    if (this.#filter.isFlood(from)) return this.#events.rejected({ reason: 'too-many', from: from.address });
    const handshake = await run(this.#port.handshake());
    const state = ring(handshake.self, opened, now - age);
    if (!state) return this.#events.rejected({ reason: 'not-for-me', from: from.address });
    // A device that dials in mid-call, or in mid-handshake, may have been started anew: nobody is at the other end of the old line then.
    await this.#question((peer) => isPeer(peer, from), issuedAt * 1000);
    const forgotten = [...this.#sessions.values()].filter((session) => session.isForgotten(from, issuedAt));
    await Promise.all(forgotten.map((session) => session.hangUp('failed')));
    if (over()) return;
    // From here to the entry in the table nothing is awaited: two dials cannot both find it empty.
    // Of one device only the last dial rings: it may have been started anew, and know nothing of the one before.
    for (const session of this.#sessions.values())
      if (session.state.phase === 'ringing' && isPeer(session.state.peer, from)) this.#drop(session, 'busy');
    const verdict = judgeDial(this.#port.address, this.#callerOf(from), this.#ongoing(), this.#settings.limit);
    if (verdict.kind === 'ours') return;
    if (verdict.kind === 'busy') this.#port.heard(opened.sealed);
    if (verdict.kind === 'busy') return this.#close(opened, 'busy');
    if (verdict.kind === 'ring' && verdict.instead) this.#drop(verdict.instead.session, 'busy');
    const ours = verdict.kind === 'theirs' ? this.#find(from.address, 'dialling') : undefined;
    const session = this.#add(handshake, { state, outputs: [] }, issuedAt);
    if (ours) {
      this.#dialling.get(ours)?.(session);
      this.#drop(ours, 'glare');
      session.accept().catch(() => {});
    } else if (await this.#events.ring(new IncomingCall(session, this.#peerOf(session), opened.sealed))) {
      this.#port.heard(opened.sealed);
    } else {
      // Nobody is at home on this device; another one may take it.
      session.abandon();
    }
  }

  #drop(session: CallSession, reason: CloseReason): void {
    this.#dropped.add(session);
    void session.hangUp(reason);
  }

  /** Answers a dial that is not taken. */
  async #close({ frame, from }: OpenedFrame, reason: CloseReason): Promise<void> {
    const { seal } = await run(this.#port.handshake());
    const sealed = await run(seal({ type: 'close', call: frame.call, reason }, from));
    if (sealed) await this.#port.tell(from.address, sealed.bytes, false);
  }

  #add(handshake: HandshakeContext, first: Transition, dialledAt?: number): CallSession {
    const name = toHex(first.state.call);
    const session = new CallSession(
      {
        ...{ port: this.#port, settings: this.#settings, handshake },
        refused: (reason, from) => this.#events.rejected({ reason: reason as Rejection['reason'], from: from.address }),
        warn: (error) => this.#events.warn(error),
        hasRoom: () => this.#goingOn < this.#settings.limit,
        forget: () => {
          this.#sessions.delete(name);
          void this.#farewells.part(session);
        },
      },
      first,
      dialledAt,
    );
    this.#sessions.set(name, session);
    return session;
  }

  async #join(session: CallSession, signal: AbortSignal | undefined): Promise<Call> {
    const line = await unlessAborted(session.accept(), signal, () => void session.hangUp());
    return new Call(session, line, this.#peerOf(session));
  }

  #find(address: string, phase: 'ringing' | 'dialling'): CallSession | undefined {
    return [...this.#sessions.values()].find(
      (session) => session.peer.address === address && session.state.phase === phase && !this.#dropped.has(session),
    );
  }

  #peerOf({ peer: { address, identity } }: CallSession): CallPeer {
    return { address, identity, verified: this.#port.standing({ address, identity }) === 'verified' };
  }
}

/** `work`, which `signal` gives up until it is done, and no longer. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined, giveUp: () => void): Promise<T> {
  signal?.addEventListener('abort', giveUp, { once: true });
  if (signal?.aborted) giveUp();
  try {
    return await work;
  } finally {
    signal?.removeEventListener('abort', giveUp);
  }
}
