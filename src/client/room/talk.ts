import { present } from '../../bytes/fields.js';
import { run } from '../../crypto/steps.js';
import { isSealMQError } from '../../errors.js';
import { addKey, latestKid } from '../../protocol/room/key-ring.js';
import { acknowledge, grantAnswer, hearPeer, offer, owesOffer } from '../../protocol/room/peer.js';
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
import type { RoomContext } from './context.js';
import type { RoomMember } from './events.js';
import type { Member } from './members.js';
import type { Receiving } from './receiving.js';
import type { Sending } from './sending.js';

/** How old a sealed message may be, in seconds: what is older speaks of a room that is no more. */
const MAX_MESSAGE_AGE = 300;

type Distribute<T> = T extends unknown ? Omit<T, 'room' | 'address' | 'device' | 'issuedAt' | 'nonce'> : never;

/** The announcements and sealed messages by which members come to have each other's keys. */
export interface Talk {
  announce(seeks?: readonly string[]): Promise<unknown>;
  /** Signs and publishes a statement to all; answers it as it was signed. */
  say(statement: Distribute<RoomStatement>): Promise<Uint8Array>;
  /** Tells a member our key if it lacks it, and what we hold of its own. `force`: the key in any case. */
  tell(member: Member, options?: { readonly force?: boolean; readonly want?: boolean }): Promise<void>;
  onStatement(bytes: Uint8Array): Promise<void>;
  onMessage(bytes: Uint8Array): Promise<void>;
}

/** The parts that a {@link Talk} moves. */
export interface TalkParts {
  readonly sending: Sending;
  readonly receiving: Receiving;
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

  async function say(statement: Distribute<RoomStatement>): Promise<Uint8Array> {
    const issuedAt = Math.floor(port.now() / 1000);
    const nonce = port.provider.randomBytes(16);
    const signed = await port.sign({ ...statement, room, ...port.self, issuedAt, nonce } as RoomStatement);
    await port.publish({ kind: 'statement' }, signed, 1);
    return signed;
  }

  async function tell(member: Member, { force = false, want = false } = {}): Promise<void> {
    const key = sending.offered();
    const given = force || owesOffer(member.peer, key.kid, port.now());
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
  async function meet(who: RoomMember, joined: number): Promise<Member | undefined> {
    const met = members.meet(who, joined, clock.now());
    if (!met) return undefined;
    if (met.isNew) {
      await sending.prepare();
      parts.met(who.device);
      receiving.release(who.device);
    }
    return met.member;
  }

  async function onJoin(received: ReceivedStatement, statement: JoinStatement): Promise<void> {
    const { address, device, seeks, invitation } = statement;
    const sought = seeks?.includes(port.self.device) ?? false;
    const known = members.get(device);
    // No answer is owed to one that has our key, or announcements would grow with the square of the members.
    const settled = known?.peer.since === statement.since && leadsTo(known.peer.has, sending.offered().kid);
    if (settled && !sought) return;
    if (!(await admission.admits({ address, device }, invitation))) return refuse({ address, device }, 'not-admitted');
    if (!(await port.verify(received))) return refuse({ address, device }, 'not-verified');
    admission.remember(statement);
    const member = await meet({ address, device }, statement.since);
    if (!member) return;
    const { peer, granted } = grantAnswer(hearPeer(member.peer, clock.now()), port.now());
    member.peer = peer;
    if (granted) await tell(member, { force: sought });
  }

  async function onFarewell(received: ReceivedStatement, bytes: Uint8Array): Promise<void> {
    const { statement } = received;
    const { address, device } = statement;
    if (statement.kind === 'expel' ? !admission.mayExpel(address) : members.get(device)?.peer.address !== address)
      return;
    if (!(await port.verify(received))) return refuse({ address, device }, 'not-verified');
    admission.remember(statement);
    if (statement.kind === 'leave') {
      if (members.get(device)?.peer.since === statement.since) parts.departed([device], 'left');
    } else if (statement.kind === 'expel') {
      putOut(statement, bytes);
    }
  }

  /** The creator's word was verified. */
  function putOut({ subject, issuedAt }: ExpelStatement, signed: Uint8Array): void {
    if (!admission.expel(subject, issuedAt, signed)) return;
    const theirs = [...members.all()].filter(({ peer }) => peer.address === subject);
    parts.departed(
      theirs.map(({ peer }) => peer.device),
      'expelled',
    );
    if (subject === port.self.address) parts.expelled();
  }

  /** What a member passes on of the creator's word. It holds at any age: an invitation that was signed later outweighs it. */
  async function hearExpulsions(expulsions: readonly Uint8Array[]): Promise<void> {
    for (const bytes of expulsions) {
      const received = decoded(() => readRoomStatement(bytes));
      if (received?.statement.kind !== 'expel') continue;
      const { statement } = received;
      const counts = statement.room === room && admission.mayExpel(statement.address);
      if (!counts || admission.knowsOf(statement)) continue;
      if (await port.verify(received)) putOut(statement, bytes);
    }
  }

  function refuse(who: Partial<RoomMember>, reason: 'not-admitted' | 'not-verified' | 'malformed'): void {
    events.emit('refused', { ...who, reason });
  }

  /** The member that speaks, met now if it was not known. */
  async function speaker(from: RoomMember, message: RoomMessage): Promise<Member | undefined> {
    const { address, device } = from;
    const known = members.get(device);
    if (known?.peer.address === address && known.peer.since === message.since) return known;
    if (await admission.admits({ address, device }, message.invitation))
      return meet({ address, device }, message.since);
    refuse({ address, device }, 'not-admitted');
    return undefined;
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
      if (member.ring !== before) noteMedia(member, key.media);
      // Its own word: a key that a frame named and it does not give is nobody's, or named again by the next frame.
      delete member.wanted;
    });
    receiving.release(member.peer.device);
    context.keys.emit('learnt', member);
  }

  return {
    say,
    tell,
    announce: (seeks) =>
      say(
        present({
          ...{ kind: 'join' as const, since, record: port.record, invitation: context.invitation },
          seeks: seeks?.slice(0, MAX_SOUGHT),
        }),
      ),
    async onStatement(bytes) {
      const received = decoded(() => readRoomStatement(bytes));
      if (!received) return refuse({}, 'malformed');
      const { statement } = received;
      if (statement.room !== room || statement.device === port.self.device || statement.kind === 'invite') return;
      if (!admission.mayBeHeard(statement)) return;
      if (statement.kind === 'join') return onJoin(received, statement);
      return onFarewell(received, bytes);
    },
    async onMessage(bytes) {
      const opened = await port.open(bytes);
      const message = opened && decoded(() => decodeRoomMessage(opened.payload));
      if (!opened || !message) return refuse({}, 'malformed');
      const isOld = Math.abs(port.now() / 1000 - opened.issuedAt) > MAX_MESSAGE_AGE;
      if (message.room !== room || isOld || opened.device === port.self.device) return;
      const member = await speaker(opened, message);
      if (!member) return;
      await hearExpulsions(message.expelled ?? []);
      if (members.get(opened.device) !== member) return;
      await learn(member, message);
      const owes = owesOffer(member.peer, sending.offered().kid, port.now());
      if (!message.key && !message.want && !owes) return;
      const { peer, granted } = grantAnswer(member.peer, port.now());
      member.peer = peer;
      if (granted) await tell(member, { force: message.want ?? false });
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
