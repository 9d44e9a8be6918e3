import { emptyRing, type KeyRing, latestKid } from '../../protocol/room/key-ring.js';
import { meetPeer, type Peer } from '../../protocol/room/peer.js';
import { type FrameKind, frameMetadata } from '../../protocol/room/room-frame.js';
import type { Departure, RoomEvents, RoomMember } from './events.js';

/** Most members of a room, as far as we are concerned. */
const MAX_MEMBERS = 1024;

/** A member with what we hold of it. */
export interface Member {
  peer: Peer;
  ring: KeyRing;
  /** The key that it may have is being made: it gets none before. */
  isEntering?: true;
  /** The index in front of the latest key's KID on media streams, where it has any. */
  media?: number;
  /** KID of the first key that it gave us: earlier frames are not ours to read. */
  firstKid?: number;
  /** A key that it uses and we lack, and since when (milliseconds). */
  wanted?: { readonly kid: number; readonly since: number };
  readonly metadata: Readonly<Record<FrameKind, Uint8Array>>;
}

/** Whether we hold a key of the member's, and it one of ours. */
export function hasKeys({ peer, ring }: Member): boolean {
  return peer.has !== undefined && latestKid(ring) !== undefined;
}

type Emit = <Name extends keyof RoomEvents>(name: Name, event: RoomEvents[Name]) => void;

/** The members of one room by their devices. */
export class Members {
  readonly #room: string;
  readonly #emit: Emit;
  readonly #members = new Map<string, Member>();
  /** When those joined who have said that they left: their old messages do not bring them back. */
  readonly #left = new Map<string, number>();

  constructor(room: string, emit: Emit) {
    this.#room = room;
    this.#emit = emit;
  }

  get(device: string): Member | undefined {
    return this.#members.get(device);
  }

  all(): Iterable<Member> {
    return this.#members.values();
  }

  get size(): number {
    return this.#members.size;
  }

  /**
   * Somebody who is admitted and verified. Answers the member, and whether it was met just now; `undefined` for one that is
   * behind the times or has no room.
   */
  meet(who: RoomMember, since: number, now: number): { readonly member: Member; readonly isNew: boolean } | undefined {
    const { address, device } = who;
    const known = this.#members.get(device);
    if (known && known.peer.address !== address) return this.#refuse(who, 'device-taken');
    if (known?.peer.since === since) return { member: known, isNew: false };
    if (since < (known?.peer.since ?? 0) || since <= (this.#left.get(device) ?? 0)) return undefined;
    if (!known && this.#members.size >= MAX_MEMBERS) return this.#refuse(who, 'room-full');
    if (known) this.remove(device, 'restarted');
    const metadata = (kind: FrameKind) => frameMetadata({ room: this.#room, kind, address, device });
    const member: Member = {
      peer: meetPeer({ address, device, since }, now),
      ring: emptyRing,
      metadata: { frame: metadata('frame'), heartbeat: metadata('heartbeat') },
    };
    this.#members.set(device, member);
    this.#emit('joined', { address, device });
    return { member, isNew: true };
  }

  /** Of somebody who is none nothing is told. */
  remove(device: string, reason: Departure): void {
    const member = this.#members.get(device);
    if (!member) return;
    this.#members.delete(device);
    const { address, since } = member.peer;
    if (reason === 'left') this.#remember(device, since);
    this.#emit('left', { address, device, reason });
  }

  #refuse(who: RoomMember, reason: 'device-taken' | 'room-full'): undefined {
    this.#emit('refused', { ...who, reason });
  }

  #remember(device: string, since: number): void {
    this.#left.set(device, since);
    if (this.#left.size > MAX_MEMBERS) this.#left.delete(this.#left.keys().next().value as string);
  }
}
