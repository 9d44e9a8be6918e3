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
import { aByteArray, assertOptions } from '../arguments.js';
import type { RoomMember } from './events.js';
import type { RoomPort } from './port.js';
import type { Wait } from './waiting.js';

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
  if (typeof admit === 'object' && admit !== null && 'creator' in admit) {
    assertAddress(admit.creator);
    return void assertOptions(admit, { invitation: aByteArray }, 'admit');
  }
  throw new SealMQError('USAGE_INVALID_ARGUMENT', 'admit is a list of addresses, a function, or names the creator');
}

/** How far a statement's time may be from ours, in seconds. */
const TOLERANCE = 300;

/** Statements by one address that are answered; beyond that they are dropped, and heal by the next. */
const STATEMENTS = { burst: 16, perSecond: 2 };

/** How long the application may take to say whom it admits, in milliseconds. */
const ADMIT_PATIENCE = 30_000;

const MAX_ADDRESSES = 4096;
const MAX_NONCES = 8192;

/** That somebody may be a member, and on what invitation (seconds), where there are such. */
export interface Admitted {
  readonly kind: 'admitted';
  readonly invitedAt?: number;
}

/** What was found about somebody who wants to be a member. */
export type Verdict =
  | Admitted
  | { readonly kind: 'not-admitted' }
  /** The application's function threw, or did not answer. */
  | { readonly kind: 'admit-failed'; readonly cause: unknown };

/** Who may be in a room, and whose word counts. */
export interface Admission {
  /** Whether a statement is new and of our time. */
  isTimely(statement: RoomStatement): boolean;
  /**
   * A statement was verified: it is not heard again. Answers whether it is within what its address may say. What is not verified
   * costs its alleged speaker nothing, or anybody could silence it. The creator may put out as many as there are.
   */
  hear(statement: RoomStatement): boolean;
  /** Whether it is worth looking further: false for whom {@link admits} would refuse in any case. Asks nobody. */
  couldAdmit(who: RoomMember, invitation: Uint8Array | undefined): boolean;
  /**
   * Whether a verified device may be a member: asks the application, or looks at the invitation's signature. Holds until
   * {@link enter} says otherwise.
   *
   * @throws `DIRECTORY_RATE_LIMITED` when too much waits
   */
  admits(who: RoomMember, invitation: Uint8Array | undefined, wait: Wait): Promise<Verdict>;
  /** It becomes a member; false when it was put out since. */
  enter(address: string, admitted: Admitted): boolean;
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

  const isOut = (address: string, invitedAt = Number.NEGATIVE_INFINITY): boolean =>
    invitedAt <= (expelled.get(address)?.at ?? Number.NEGATIVE_INFINITY);

  /** The invitation, if it would hold with a valid signature. */
  function invitationOf(address: string, encoded: Uint8Array | undefined): ReceivedStatement | undefined {
    const received = encoded && readInvitation(encoded);
    if (received?.statement.kind !== 'invite') return undefined;
    const { statement } = received;
    const fits = statement.room === room && statement.subject === address && statement.address === creator;
    return fits && statement.expiresAt > seconds() && !isOut(address, statement.issuedAt) ? received : undefined;
  }

  return {
    isTimely: ({ issuedAt, nonce }) => Math.abs(issuedAt - seconds()) <= TOLERANCE && !seen.has(toHex(nonce)),
    hear({ kind, nonce, issuedAt, address }) {
      if (seen.has(toHex(nonce))) return false;
      remember(seen, toHex(nonce), issuedAt, MAX_NONCES);
      if (kind === 'expel') return true;
      const { bucket, wait } = takeToken(buckets.get(address), STATEMENTS, port.now());
      remember(buckets, address, bucket, MAX_ADDRESSES);
      return wait === 0;
    },
    couldAdmit({ address }, invitation) {
      if (creator !== undefined) return address === creator || invitationOf(address, invitation) !== undefined;
      if (expelled.has(address)) return false;
      return typeof admit === 'function' || (admit as readonly string[]).includes(address);
    },
    async admits(who, encoded, wait) {
      if (!this.couldAdmit(who, encoded)) return { kind: 'not-admitted' };
      if (typeof admit === 'function') return askApplication(admit, who, wait);
      const invitation = who.address === creator ? undefined : invitationOf(who.address, encoded);
      if (!invitation) return { kind: 'admitted' };
      if (!(await port.verify(invitation, () => wait('lookup', who.address)))) return { kind: 'not-admitted' };
      return { kind: 'admitted', invitedAt: invitation.statement.issuedAt };
    },
    enter(address, { invitedAt }) {
      if (address === creator) return true;
      if (creator === undefined ? expelled.has(address) : isOut(address, invitedAt)) return false;
      if (invitedAt !== undefined) {
        remember(invited, address, Math.max(invitedAt, invited.get(address) ?? 0), MAX_ADDRESSES);
      }
      return true;
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

/** What the application's function says, if it says so in time. */
async function askApplication(
  admit: (who: RoomMember) => boolean | Promise<boolean>,
  who: RoomMember,
  wait: Wait,
): Promise<Verdict> {
  wait('admit', who.device);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new SealMQError('TRANSPORT_TIMEOUT', `admit has not answered for ${ADMIT_PATIENCE / 1000} s`);
    timer = setTimeout(() => reject(error), ADMIT_PATIENCE);
  });
  try {
    const isIn = await Promise.race([admit(who), late]);
    return { kind: isIn ? 'admitted' : 'not-admitted' };
  } catch (cause) {
    return { kind: 'admit-failed', cause };
  } finally {
    clearTimeout(timer);
  }
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
