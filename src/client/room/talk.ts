import { present } from '../../bytes/fields.js';
import { run } from '../../crypto/steps.js';
import { isSealMQError } from '../../errors.js';
import { addKey, latestKid } from '../../protocol/room/key-ring.js';
import { acknowledge, gotKey, grantAnswer, hearPeer, offer, owesOffer } from '../../protocol/room/peer.js';
import { decodeRoomMessage, encodeRoomMessage, type RoomMessage } from '../../protocol/room/room-message.js';
import {
  type ExpelStatement,
  type JoinStatement,
  MAX_SOUGHT,
  type ReceivedStatement,
  type RoomStatement,
  readRoomStatement,
} from '../../protocol/room/room-statement.js';
import { leadsTo } from '../../protocol/room/sender-key.js';
import type { Admitted } from './admission.js';
import type { RoomContext } from './context.js';
import type { RefusedMember, RoomMember } from './events.js';
import type { Member } from './members.js';
import type { Receiving } from './receiving.js';
import type { Sending } from './sending.js';
import type { Wait } from './waiting.js';

/** How old a sealed message may be, in seconds: what is older speaks of a room that is no more. */
const MAX_MESSAGE_AGE = 300;

type Distribute<T> = T extends unknown ? Omit<T, 'room' | 'address' | 'device' | 'issuedAt' | 'nonce'> : never;

/** The announcements and sealed messages by which members come to have each other's keys. */
export interface Talk {
  announce(seeks?: readonly string[]): Promise<void>;
  /** Signs and publishes a statement to all. */
  say(statement: Distribute<RoomStatement>): Promise<void>;
  /** Puts an address out, and says so to all: those obey who take us for the creator. */
  expel(subject: string): Promise<void>;
  /** Tells a member our key if it lacks it, and what we hold of its own. `force`: the key in any case. */
  tell(member: Member, options?: { readonly force?: boolean; readonly want?: boolean }): Promise<void>;
  onStatement(bytes: Uint8Array, wait: Wait): Promise<void>;
  onMessage(bytes: Uint8Array, wait: Wait): Promise<void>;
}

/** The parts that a {@link Talk} moves. */
export interface TalkParts {
  readonly sending: Sending;
  readonly receiving: Receiving;
  /** Does what changes the room, one after the other: it waits for nobody else. */
  inTurn(work: () => Promise<void>): Promise<void>;
  /** Somebody was met. */
  met(device: string): void;
  /** These devices are gone for good. */
  departed(devices: readonly string[], reason: 'left' | 'expelled'): void;
  /** The creator has expelled us. */
  expelled(): void;
}

export function createTalk(context: RoomContext, parts: TalkParts): Talk {
  const { room, port, members, admission, events, clock, since } = context;
  const { sending, receiving } = parts;

  function sign(statement: Distribute<RoomStatement>): Promise<Uint8Array> {
    const issuedAt = Math.floor(port.now() / 1000);
    const nonce = port.provider.randomBytes(16);
    return port.sign({ ...statement, room, ...port.self, issuedAt, nonce } as RoomStatement);
  }

  async function say(statement: Distribute<RoomStatement>): Promise<void> {
    await port.publish({ kind: 'statement' }, await sign(statement), 1);
  }

  async function expel(subject: string): Promise<void> {
    const signed = await sign({ kind: 'expel', subject });
    // Here first: it holds whether or not anybody can be told now.
    admission.expel(subject, readRoomStatement(signed).statement.issuedAt, signed);
    parts.departed(devicesOf(subject), 'expelled');
    await port.publish({ kind: 'statement' }, signed, 1);
  }

  const devicesOf = (subject: string): string[] =>
    [...members.all()].filter(({ peer }) => peer.address === subject).map(({ peer }) => peer.device);

  async function tell(member: Member, { force = false, want = false } = {}): Promise<void> {
    const key = sending.offered();
    const given = !member.isEntering && (force || owesOffer(member.peer, key.kid, port.now()));
    if (given) member.peer = offer(member.peer, key.kid, port.now());
    const have = latestKid(member.ring);
    const { expulsions } = admission;
    const message: RoomMessage = present({
      ...{ room, since, to: member.peer.since, have, invitation: context.invitation },
      key: given ? present({ kid: key.kid, secret: key.secret, media: sending.media }) : undefined,
      want: want || have === undefined ? true : undefined,
      // It may have come after them, or missed them.
      expelled: given && expulsions.length > 0 ? expulsions : undefined,
    });
    const sealed = await port.seal(member.peer, encodeRoomMessage(message));
    // What does not arrive is made good by the next one.
    if (sealed) port.publish({ kind: 'message', device: member.peer.device }, sealed, 1).catch(() => {});
  }

  /** Meets a verified member; a new one is given a key that shows nothing of the past. */
  async function meet(who: RoomMember, joined: number, admitted: Admitted): Promise<Member | undefined> {
    // What was found before it was this one's turn may hold no more.
    if (!admission.enter(who.address, admitted)) return refuse(who, 'not-admitted');
    if (port.isCurrent(who) === false) return refuse(who, 'not-verified');
    const met = members.meet(who, joined, clock.now());
    if (!met) return undefined;
    const { member, isNew } = met;
    if (isNew) {
      member.isEntering = true;
      await sending.prepare();
      delete member.isEntering;
      parts.met(who.device);
      receiving.release(who.device);
    }
    return member;
  }

  const knownAs = ({ address, device }: RoomMember, joined: number): Member | undefined => {
    const known = members.get(device);
    return known?.peer.address === address && known.peer.since === joined ? known : undefined;
  };

  /** Whether a verified device may be a member, as far as can be told outside the turn; who is one goes on being one. */
  async function admittance(
    who: RoomMember,
    { since: joined, invitation }: Pick<JoinStatement, 'since' | 'invitation'>,
    wait: Wait,
  ): Promise<Admitted | 'member' | undefined> {
    if (knownAs(who, joined)) return 'member';
    const verdict = await admission.admits(who, invitation, wait);
    if (verdict.kind === 'admitted') return verdict;
    return verdict.kind === 'admit-failed' ? refuse(who, verdict.kind, verdict.cause) : refuse(who, verdict.kind);
  }

  /** In the turn: the member that was found admitted. */
  const enter = (who: RoomMember, joined: number, admitted: Admitted | 'member') =>
    admitted === 'member' ? Promise.resolve(knownAs(who, joined)) : meet(who, joined, admitted);

  /** Verified, and not said before. What comes over and over is dropped without a word. */
  async function isGenuine(received: ReceivedStatement, wait: Wait): Promise<boolean> {
    const { statement } = received;
    const { address, device } = statement;
    if (await port.verify(received, () => wait('lookup', address))) return admission.hear(statement);
    refuse({ address, device }, 'not-verified');
    return false;
  }

  async function onJoin(received: ReceivedStatement, statement: JoinStatement, wait: Wait): Promise<void> {
    const { address, device, seeks, invitation } = statement;
    const who = { address, device };
    const sought = seeks?.includes(port.self.device) ?? false;
    const known = members.get(device);
    // No answer is owed to one that has our key, or announcements would grow with the square of the members.
    const settled = known?.peer.since === statement.since && leadsTo(known.peer.has, sending.offered().kid);
    if (settled && !sought) return;
    if (!admission.couldAdmit(who, invitation)) return refuse(who, 'not-admitted');
    if (!(await isGenuine(received, wait))) return;
    const admitted = await admittance(who, statement, wait);
    if (!admitted) return;
    await parts.inTurn(async () => {
      const member = await enter(who, statement.since, admitted);
      if (member) answer(member, { force: sought });
    });
  }

  async function onFarewell(received: ReceivedStatement, bytes: Uint8Array, wait: Wait): Promise<void> {
    const { address, device, kind } = received.statement;
    if (kind === 'expel' ? !admission.mayExpel(address) : members.get(device)?.peer.address !== address) return;
    if (!(await isGenuine(received, wait))) return;
    await parts.inTurn(async () => bidFarewell(received.statement, bytes));
  }

  /** A verified word. */
  function bidFarewell(statement: RoomStatement, bytes: Uint8Array): void {
    const { device } = statement;
    if (statement.kind === 'expel') putOut(statement, bytes);
    else if (statement.kind === 'leave' && members.get(device)?.peer.since === statement.since) {
      parts.departed([device], 'left');
    }
  }

  /** The creator's word was verified. */
  function putOut({ subject, issuedAt }: ExpelStatement, signed: Uint8Array): void {
    if (!admission.expel(subject, issuedAt, signed)) return;
    parts.departed(devicesOf(subject), 'expelled');
    if (subject === port.self.address) parts.expelled();
  }

  /** What a member passes on of the creator's word, verified. It holds at any age: an invitation that was signed later outweighs it. */
  async function expulsionsOf({ expelled = [] }: RoomMessage, wait: Wait): Promise<[ExpelStatement, Uint8Array][]> {
    const found: [ExpelStatement, Uint8Array][] = [];
    for (const bytes of expelled) {
      const received = decoded(() => readRoomStatement(bytes));
      if (received?.statement.kind !== 'expel') continue;
      const { statement } = received;
      const counts = statement.room === room && admission.mayExpel(statement.address);
      if (!counts || admission.knowsOf(statement)) continue;
      if (await port.verify(received, () => wait('lookup', statement.address))) found.push([statement, bytes]);
    }
    return found;
  }

  function refuse(who: Partial<RoomMember>, reason: RefusedMember['reason'], cause?: unknown): undefined {
    events.emit('refused', present({ ...who, reason, cause }));
  }

  /** Takes one of the answers that the member may cause, and gives it. Waits for nothing: to seal it may take a look-up. */
  function answer(member: Member, options: { readonly force: boolean }): void {
    const { peer, granted } = grantAnswer(hearPeer(member.peer, clock.now()), port.now());
    member.peer = peer;
    if (granted) void context.quietly(() => tell(member, options));
  }

  async function learn(member: Member, { key, have, to }: RoomMessage): Promise<void> {
    member.peer = hearPeer(member.peer, clock.now());
    // What it holds of an earlier life of ours is no use.
    if (have !== undefined && to === since) member.peer = acknowledge(member.peer, have);
    sending.progress();
    if (!key) return;
    await receiving.change(async () => {
      member.firstKid ??= key.kid;
      const before = member.ring;
      member.ring = await run(addKey(port.provider, before, key, port.now()));
      // A member that takes no more part in media gives its next key without an index.
      if (member.ring !== before) {
        noteMedia(member, key.media);
        member.peer = gotKey(member.peer);
      }
      // Its own word: a key that a frame named and it does not give is nobody's, or named again by the next frame.
      delete member.wanted;
    });
    receiving.release(member.peer.device);
    context.keys.emit('learnt', member);
  }

  return {
    say,
    expel,
    tell,
    announce: (seeks) =>
      say(
        present({
          ...{ kind: 'join' as const, since, record: port.record, invitation: context.invitation },
          seeks: seeks?.slice(0, MAX_SOUGHT),
        }),
      ),
    async onStatement(bytes, wait) {
      const received = decoded(() => readRoomStatement(bytes));
      if (!received) return refuse({}, 'malformed');
      const { statement } = received;
      if (statement.room !== room || statement.device === port.self.device || statement.kind === 'invite') return;
      if (!admission.isTimely(statement)) return;
      if (statement.kind === 'join') return onJoin(received, statement, wait);
      return onFarewell(received, bytes, wait);
    },
    async onMessage(bytes, wait) {
      const opened = await port.open(bytes, (from) => wait('lookup', from));
      const message = opened && decoded(() => decodeRoomMessage(opened.payload));
      if (!opened || !message) return refuse({}, 'malformed');
      const isOld = Math.abs(port.now() / 1000 - opened.issuedAt) > MAX_MESSAGE_AGE;
      if (message.room !== room || isOld || opened.device === port.self.device) return;
      const who = { address: opened.address, device: opened.device };
      const admitted = await admittance(who, message, wait);
      if (!admitted) return;
      const expulsions = await expulsionsOf(message, wait);
      await parts.inTurn(async () => {
        const member = await enter(who, message.since, admitted);
        if (!member) return;
        for (const [statement, signed] of expulsions) putOut(statement, signed);
        if (members.get(who.device) !== member) return;
        await learn(member, message);
        const owes = owesOffer(member.peer, sending.offered().kid, port.now());
        if (message.key || message.want || owes) answer(member, { force: message.want ?? false });
      });
    },
  };
}

function noteMedia(member: Member, index: number | undefined): void {
  if (index === undefined) delete member.media;
  else member.media = index;
}

/** What `decode` answers, or `undefined` for malformed bytes. */
function decoded<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (isSealMQError(error) && error.code.startsWith('DECODE_')) return undefined;
    throw error;
  }
}
