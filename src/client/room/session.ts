import { run } from '../../crypto/steps.js';
import { SealMQError } from '../../errors.js';
import { latestKid } from '../../protocol/room/key-ring.js';
import { KEY_BOUNDS, type KeyBounds } from '../../protocol/room/own-key.js';
import { ask, mayAsk, owesOffer, PRESENCE, type PresenceTiming, presenceOf } from '../../protocol/room/peer.js';
import { MAX_SEALED_BYTES } from '../../protocol/room/room-message.js';
import { MAX_STATEMENT_BYTES } from '../../protocol/room/room-statement.js';
import type { RoomPlace } from '../../protocol/room/room-topics.js';
import { leadsTo, newSenderKey, type SenderKey } from '../../protocol/room/sender-key.js';
import { createEvents, type Events } from '../events.js';
import { type Admit, createAdmission } from './admission.js';
import type { RoomContext } from './context.js';
import type { Departure, MemberView, RoomEvents, RoomFrame, RoomMember } from './events.js';
import { createLiveClock } from './live-clock.js';
import { MediaKeys, type MediaSink } from './media/media-keys.js';
import { type Member, Members } from './members.js';
import type { RoomPort } from './port.js';
import { createQuietly } from './quietly.js';
import { createReceiving, type Receiving } from './receiving.js';
import { createRoster, type Roster } from './roster.js';
import { createSending, type FrameOptions, type Sending } from './sending.js';
import { createStrangers, type Strangers } from './strangers.js';
import { createTalk, type Talk } from './talk.js';
import { createTurns, type Turns } from './turns.js';
import { createWaiting, type Wait, type Waiting } from './waiting.js';

/** How often a session looks at the time, in milliseconds. */
const TICK = 250;

/** How often one member's record is looked at, in milliseconds. */
const REVIEW = 2_000;

/** How long a key that a frame names may be under way before it is asked for, in milliseconds. */
const KEY_PATIENCE = 500;

/** How a session is begun. */
export interface SessionOptions {
  readonly room: string;
  readonly port: RoomPort;
  readonly admit: Admit;
  /** Addresses that are expected. */
  readonly roster?: readonly string[];
  readonly signatures?: boolean;
  readonly timing?: Partial<PresenceTiming>;
  readonly bounds?: Partial<KeyBounds>;
  /** Takes the frames of the others. */
  readonly onFrame: (frame: RoomFrame) => void;
}

/** One member's life in one room, from joining to leaving. Nothing of it is stored. */
export class RoomSession {
  readonly events: Events<RoomEvents>;
  readonly members: Members;
  readonly #context: RoomContext;
  #unlisten: () => void = () => {};
  /** Whose record is looked at next. */
  #review: Iterator<Member> | undefined;
  #reviewedAt = 0;
  readonly #sending: Sending;
  readonly #receiving: Receiving;
  readonly #talk: Talk;
  readonly #strangers: Strangers;
  readonly #roster: Roster;
  readonly #control: Turns;
  readonly #waiting: Waiting;
  #media: MediaKeys | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #beatAt = 0;
  /** The creator has put us out. */
  #isOut = false;

  private constructor(context: RoomContext, first: SenderKey, options: SessionOptions) {
    this.#context = context;
    this.events = context.events;
    this.members = context.members;
    this.#control = createTurns((error) => context.port.warn(error));
    this.#waiting = createWaiting(context.quietly);
    this.#strangers = createStrangers(context);
    this.#roster = createRoster(context, options.roster ?? []);
    this.#sending = createSending(context, first, () => this.#handOut());
    this.#receiving = createReceiving(context, {
      frame: options.onFrame,
      stranger: (device) => this.#strangers.heard(device),
    });
    this.events.on('left', ({ device, address, reason }) => {
      this.#receiving.giveUp(device);
      if (reason !== 'restarted') this.#roster.departed(address);
    });
    this.#talk = createTalk(context, {
      sending: this.#sending,
      receiving: this.#receiving,
      inTurn: (work) => this.#control.run(work),
      met: (device) => this.#strangers.met(device),
      departed: (devices, reason) => this.#depart(devices, reason),
      expelled: () => this.#expelled(),
    });
  }

  /** Announces itself in the room; the caller has subscribed to its topics. */
  static async begin(options: SessionOptions): Promise<RoomSession> {
    const { room, port, admit } = options;
    const timing = { ...PRESENCE, ...options.timing };
    const events = createEvents<RoomEvents>();
    const context: RoomContext = {
      ...{ room, port, events, timing, keys: createEvents<{ learnt: Member }>() },
      members: new Members(room, events.emit),
      admission: createAdmission(room, admit, port),
      clock: createLiveClock(() => port.now(), 3 * timing.heartbeat),
      since: port.now(),
      quietly: createQuietly((error) => port.warn(error)),
      signatures: options.signatures ?? false,
      invitation: typeof admit === 'object' && 'creator' in admit ? admit.invitation : undefined,
      bounds: { ...KEY_BOUNDS, ...options.bounds },
    };
    const first = await run(newSenderKey(port.provider, 0));
    return new RoomSession(context, first, options);
  }

  /** Says that we are here, and goes on saying so. */
  async start(): Promise<void> {
    this.#timer = setInterval(() => this.#tick(), TICK);
    this.#unlisten = this.#context.port.onRecord((address) => this.#reviewAll(address));
    await this.#talk.announce();
    this.#beat();
  }

  /** The connection is back: the others may have missed us. */
  reconnected(): void {
    this.#beat();
  }

  /** The other members as they are now. */
  view(): readonly MemberView[] {
    return [...this.members.all()].map(({ peer, ring }) => ({
      address: peer.address,
      device: peer.device,
      silent: peer.silent,
      ready: latestKid(ring) !== undefined && leadsTo(peer.has, this.#sending.kid),
    }));
  }

  /** Whether the creator of the room has put us out: nobody reads what we send, and we read nobody. */
  get isOut(): boolean {
    return this.#isOut;
  }

  /** Addresses on the roster that are not there. */
  get absent(): readonly string[] {
    return this.#roster.absent;
  }

  send(payload: Uint8Array, options: FrameOptions): Promise<void> {
    return this.#sending.send(payload, options);
  }

  /** Hands the keys of media, ours and the others', to `sink` from now on. One at a time. @throws `USAGE_INVALID_ARGUMENT` */
  async openMedia(sink: MediaSink): Promise<MediaKeys> {
    if (this.#media?.isOpen) throw new SealMQError('USAGE_INVALID_ARGUMENT', 'media of this room are open already');
    this.#media = new MediaKeys(this.#context, this.#sending, sink);
    await this.#media.start();
    return this.#media;
  }

  /** What came on a topic of the room. Never waits. */
  take(place: RoomPlace, bytes: Uint8Array): void {
    if (this.#isOut) return;
    switch (place.kind) {
      case 'statement':
        if (bytes.length > MAX_STATEMENT_BYTES) this.#tooLarge();
        else this.#waiting.take(bytes.length, (wait) => this.#talk.onStatement(bytes, wait));
        return;
      case 'message':
        if (place.device !== this.#context.port.self.device) return;
        if (bytes.length > MAX_SEALED_BYTES) this.#tooLarge();
        else this.#waiting.take(bytes.length, (wait) => this.#hearMessage(bytes, wait));
        return;
      default:
        this.#receiving.take(place.kind, place.device, bytes);
    }
  }

  /** Puts `subject` out, and tells everybody; they obey the creator only. */
  async expel(subject: string): Promise<void> {
    try {
      await this.#talk.expel(subject);
    } finally {
      // With the new key goes the creator's word, again and again until it is acknowledged: statements can be lost.
      void this.#context.quietly(() => this.#sending.rekeyIfDue());
    }
  }

  /** Says farewell and stops. */
  async end(): Promise<void> {
    await this.#sending.settled();
    this.stop();
    await this.#context.quietly(() => this.#talk.say({ kind: 'leave', since: this.#context.since }));
  }

  /** Stops without a word, as a crash does. */
  stop(): void {
    clearInterval(this.#timer);
    this.#unlisten();
    this.#media?.close();
  }

  #beat(): void {
    if (this.#isOut) return;
    this.#beatAt = this.#context.port.now();
    void this.#context.quietly(() => this.#sending.beat());
  }

  #tick(): void {
    const { port, clock, timing } = this.#context;
    clock.tick();
    if (port.now() - this.#beatAt >= timing.heartbeat) this.#beat();
    this.#watch();
    if (port.now() - this.#reviewedAt >= REVIEW) this.#reviewNext();
    this.#roster.look();
    this.#receiving.tick();
    this.#sending.progress();
    void this.#context.quietly(() => this.#sending.renew());
    const sought = this.#strangers.due();
    if (sought.length > 0) void this.#context.quietly(() => this.#talk.announce(sought));
  }

  /** Who is silent, who is gone, and who has not acknowledged our key. */
  #watch(): void {
    const { clock, timing, events } = this.#context;
    const offered = this.#sending.offered().kid;
    for (const member of this.members.all()) {
      const { peer } = member;
      const presence = presenceOf(peer, clock.now(), timing);
      if (presence === 'gone') this.#depart([peer.device], 'gone');
      else if (presence === 'silent' && !peer.silent) {
        member.peer = { ...peer, silent: true };
        events.emit('silent', { address: peer.address, device: peer.device });
      } else if (presence === 'here') this.#mend(member, offered);
    }
  }

  /** Members of `address` whose devices its record lists no more. */
  #reviewAll(address: string): void {
    for (const { peer } of this.members.all()) if (peer.address === address) this.#reviewOne(peer);
  }

  /** One member after the other, so that a revocation that nobody told us of is noticed, and no directory is stormed. */
  #reviewNext(): void {
    this.#reviewedAt = this.#context.port.now();
    const next = this.#review?.next();
    if (!next || next.done) this.#review = this.members.all()[Symbol.iterator]();
    else this.#reviewOne(next.value.peer);
  }

  #reviewOne(peer: RoomMember): void {
    if (this.#context.port.isCurrent(peer) === false) this.#depart([peer.device], 'revoked');
  }

  /** Asks for a key that did not come, and offers ours again where it was not acknowledged. */
  #mend(member: Member, offered: number): void {
    const now = this.#context.port.now();
    const { peer, wanted } = member;
    const want = wanted !== undefined && now - wanted.since >= KEY_PATIENCE && mayAsk(peer, now);
    if (want) member.peer = ask(peer, wanted.kid, now);
    if (want || owesOffer(peer, offered, now)) void this.#context.quietly(() => this.#talk.tell(member, { want }));
  }

  #depart(devices: readonly string[], reason: Departure): void {
    for (const device of devices) {
      if (!this.members.get(device)) continue;
      // Before anybody hears of it: what is sent in answer needs another key.
      this.#sending.departed();
      this.members.remove(device, reason);
    }
  }

  async #hearMessage(bytes: Uint8Array, wait: Wait): Promise<void> {
    try {
      await this.#talk.onMessage(bytes, wait);
    } finally {
      this.#roster.look();
    }
  }

  #tooLarge(): void {
    this.events.emit('refused', { reason: 'malformed' });
  }

  #expelled(): void {
    this.#isOut = true;
    this.stop();
    this.events.emit('left', { ...this.#context.port.self, reason: 'expelled' });
  }

  /** Resolves when the key has been handed to the transport for everybody that can be reached. */
  async #handOut(): Promise<void> {
    await Promise.all([...this.members.all()].map((member) => this.#context.quietly(() => this.#talk.tell(member))));
  }
}
