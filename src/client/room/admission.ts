import { toHex } from '../../bytes/bytes.js';
import { isSealMQError, SealMQError } from '../../errors.js';
import { assertAddress } from '../../protocol/address.js';
import { MAX_EXPULSIONS } from '../../protocol/room/room-message.js';
import {
  type ExpelStatement,
  type ReceivedStatement,
  type RoomStatement,
  readRoomStatement,
} from '../../protocol/room/room-statement.js';
import { type TokenBucket, takeToken } from '../../protocol/token-bucket.js';
import type { RoomMember } from './events.js';
import type { RoomPort } from './port.js';

/**
 * Who may join: these addresses; whoever brings an invitation signed by the room's creator (see `Room.invite`), and the
 * creator; or whoever the function says.
 */
export type Admit =
  | readonly string[]
  | { readonly creator: string; readonly invitation?: Uint8Array }
  | ((who: RoomMember) => boolean | Promise<boolean>);

/** @throws `USAGE_INVALID_ARGUMENT`, `USAGE_INVALID_ADDRESS` for what admits nobody as it is */
export function assertAdmit(admit: Admit): void {
  if (typeof admit === 'function') return;
  if (Array.isArray(admit)) return void admit.map(assertAddress);
  if (typeof admit === 'object' && admit !== null && 'creator' in admit) return void assertAddress(admit.creator);
  throw new SealMQError('USAGE_INVALID_ARGUMENT', 'admit is a list of addresses, a function, or names the creator');
}

/** How far a statement's time may be from ours, in seconds. */
const TOLERANCE = 300;

/** Statements in the name of one address that are looked at; beyond that they are dropped unread, and heal by the next. */
const STATEMENTS = { burst: 16, perSecond: 2 };

const MAX_ADDRESSES = 4096;
const MAX_NONCES = 8192;

/** Who may be in a room, and whose word is worth the work of a signature. */
export interface Admission {
  /** Whether a statement is new, of our time, and within what its address may say. */
  mayBeHeard(statement: RoomStatement): boolean;
  /** A statement was verified: it is not heard again. */
  remember(statement: RoomStatement): void;
  /** Whether the address may be a member. Says nothing of whether it is who it says. */
  admits(who: RoomMember, invitation: Uint8Array | undefined): Promise<boolean>;
  /** Whether this address may expel others. */
  mayExpel(address: string): boolean;
  /**
   * What was signed before this time (seconds) admits `address` no more. Answers whether it is out by that: not when it was
   * invited again since.
   *
   * @param signed - the creator's word for it
   */
  expel(address: string, issuedAt: number, signed: Uint8Array): boolean;
  /** Whether as much was known already. */
  knowsOf(statement: ExpelStatement): boolean;
  /** The creator's latest expulsions, as they were signed, for those who come later. */
  readonly expulsions: readonly Uint8Array[];
}

export function createAdmission(room: string, admit: Admit, port: RoomPort): Admission {
  const seen = new Map<string, number>();
  const buckets = new Map<string, TokenBucket>();
  const expelled = new Map<string, { readonly at: number; readonly signed: Uint8Array }>();
  const invited = new Map<string, number>();
  const creator = typeof admit === 'object' && 'creator' in admit ? admit.creator : undefined;
  const seconds = () => Math.floor(port.now() / 1000);
  const own = typeof admit === 'object' && 'creator' in admit && admit.invitation && readInvitation(admit.invitation);
  if (own) invited.set(port.self.address, own.statement.issuedAt);

  /** When the invitation was signed, or `undefined` when it does not hold. */
  async function invitedAt(address: string, encoded: Uint8Array): Promise<number | undefined> {
    const received = readInvitation(encoded);
    if (received?.statement.kind !== 'invite') return undefined;
    const { statement } = received;
    const fits = statement.room === room && statement.subject === address && statement.address === creator;
    if (!fits || statement.expiresAt <= seconds() || !(await port.verify(received))) return undefined;
    return statement.issuedAt;
  }

  return {
    mayBeHeard({ issuedAt, nonce, address }) {
      const now = seconds();
      if (Math.abs(issuedAt - now) > TOLERANCE) return false;
      if (seen.has(toHex(nonce))) return false;
      const { bucket, wait } = takeToken(buckets.get(address), STATEMENTS, port.now());
      remember(buckets, address, bucket, MAX_ADDRESSES);
      return wait === 0;
    },
    remember: ({ nonce, issuedAt }) => remember(seen, toHex(nonce), issuedAt, MAX_NONCES),
    async admits(who, invitation) {
      const out = expelled.get(who.address)?.at;
      if (creator === undefined) {
        if (out !== undefined) return false;
        return typeof admit === 'function' ? admit(who) : (admit as readonly string[]).includes(who.address);
      }
      if (who.address === creator) return true;
      const at = invitation && (await invitedAt(who.address, invitation));
      const isIn = at !== undefined && (out === undefined || at > out);
      if (isIn) remember(invited, who.address, Math.max(at, invited.get(who.address) ?? 0), MAX_ADDRESSES);
      return isIn;
    },
    mayExpel: (address) => address === creator,
    expel(address, issuedAt, signed) {
      const known = expelled.get(address)?.at ?? -1;
      if (issuedAt > known) remember(expelled, address, { at: issuedAt, signed }, MAX_ADDRESSES);
      return (invited.get(address) ?? 0) <= Math.max(issuedAt, known);
    },
    knowsOf: ({ subject, issuedAt }) => issuedAt <= (expelled.get(subject)?.at ?? -1),
    get expulsions() {
      // With a list or a function nobody's word puts others out.
      if (creator === undefined) return [];
      return [...expelled.values()].slice(-MAX_EXPULSIONS).map(({ signed }) => signed);
    },
  };
}

function readInvitation(encoded: Uint8Array): ReceivedStatement | undefined {
  try {
    return readRoomStatement(encoded);
  } catch (error) {
    if (isSealMQError(error)) return undefined;
    throw error;
  }
}

/** Enters the value, and forgets the oldest entry when there are too many. */
function remember<V>(map: Map<string, V>, key: string, value: V, most: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > most) map.delete(map.keys().next().value as string);
}
