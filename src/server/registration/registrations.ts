import { inTurn } from '../../adapters/directory/in-turn.js';
import { toBase64url } from '../../bytes/base64url.js';
import type { PublicKey } from '../../cose/key.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { run } from '../../crypto/steps.js';
import { isSealMQError, SealMQError } from '../../errors.js';
import { isRegistrationId } from '../../protocol/address.js';
import { assertIssuedNow } from '../../protocol/directory/claim.js';
import { startChallenge } from '../../protocol/registration/challenge.js';
import { type InfoOk, infoOk, readInfoOk, verifyInfoOk } from '../../protocol/registration/info-ok.js';
import type { StatementKind } from '../../protocol/statement.js';
import type { CheckInfoOk, Registered } from '../registered.js';
import type { Book } from './book.js';
import type { RegistrationKeys } from './keys.js';
import type { Limits } from './limits.js';
import type { Pending, PendingTable } from './pending.js';
import type { RegistrationRequest } from './requests.js';
import type { Dispatch } from './sender.js';

/** What a registration that was begun waits for. */
export interface Started {
  readonly id: string;
  /** Seconds. */
  readonly expiresAt: number;
  readonly digits: number;
}

/** The service behind the routes. */
export interface Registrations {
  /**
   * Sends a code, whoever and whatever is registered already: nothing is looked up here.
   *
   * @throws `USAGE_INVALID_ARGUMENT`, `DIRECTORY_REFUSED` for a record that was not issued just now or is not of this service's
   *   mode, {@link TooSoon} beyond a limit, `DIRECTORY_RATE_LIMITED` while too many wait
   */
  start(request: RegistrationRequest): Promise<Started>;
  /**
   * Registers what the code was sent for; durable when it resolves.
   *
   * @returns the Info OK, encoded
   * @throws `DIRECTORY_CODE_WRONG`, `DIRECTORY_CODE_SPENT`; `DIRECTORY_CONFLICT` when the address is another identity's
   */
  verify(id: string, code: string): Promise<Uint8Array>;
  /** A new Info OK for an old one. @throws `DIRECTORY_REFUSED` when it is not one of ours, or does not hold any more */
  renew(bytes: Uint8Array): Promise<Uint8Array>;
  readonly registered: Registered;
  /** @throws also `DIRECTORY_REFUSED` when another registration has taken the place of this one */
  readonly check: CheckInfoOk;
  readonly limits: Limits;
  close(): Promise<void>;
}

/** A limit was met: to be tried again after so many milliseconds. */
export class TooSoon extends SealMQError {
  constructor(readonly wait: number) {
    super('DIRECTORY_RATE_LIMITED', 'too many registrations; try again later');
  }
}

/** What {@link createRegistrations} works on. */
export interface RegistrationParts {
  readonly provider: CryptoProvider;
  readonly mode: 'named' | 'anonymous';
  readonly digits: number;
  /** Of an Info OK, in seconds. */
  readonly life: number;
  readonly keys: RegistrationKeys;
  readonly book: Book;
  readonly pending: PendingTable;
  readonly dispatch: Dispatch;
  readonly limits: Limits;
  readonly sign: <T>(kind: StatementKind<T>, content: T) => Promise<Uint8Array>;
  /** Keys that an Info OK of ours may be signed by. */
  readonly publicKeys: () => Promise<readonly PublicKey[]>;
  /** Seconds. */
  readonly now: () => number;
}

const ID_BYTES = 16;

/** The registration service: challenges, and what follows from them. */
export function createRegistrations(parts: RegistrationParts): Registrations {
  const { provider, mode, keys, book, pending, dispatch, limits, now } = parts;
  const next = inTurn();

  async function grant(address: string, identity: Uint8Array): Promise<Uint8Array> {
    const issuedAt = now();
    return parts.sign(infoOk, { address, identity, issuedAt, expiresAt: issuedAt + parts.life });
  }

  async function enter(registration: Pending): Promise<Uint8Array> {
    await next(toBase64url(registration.owner), () => book.enter(registration));
    return grant(registration.address, registration.identity);
  }

  /** @throws `DIRECTORY_REFUSED` */
  async function presented(bytes: Uint8Array): Promise<InfoOk> {
    try {
      return await run(readInfoOk(provider, await parts.publicKeys(), bytes));
    } catch (cause) {
      throw new SealMQError('DIRECTORY_REFUSED', 'not an Info OK of this directory', cause);
    }
  }

  return {
    limits,
    registered: book.has,

    async check(bytes) {
      const checked = await run(verifyInfoOk(provider, await parts.publicKeys(), bytes, now()));
      if (!(await book.isReplaced(checked.address))) return checked;
      throw new SealMQError('DIRECTORY_REFUSED', 'another registration has taken the place of this one');
    },

    async start({ userId, record, verification }) {
      assertMode(mode, record.address);
      assertIssuedNow(record, now());
      dispatch.assertCan(verification.kind);
      const owner = await keys.ofVerificationId(verification.normalised);
      const wait = limits.forCode(owner, mode === 'named' ? record.address : userId);
      if (wait > 0) throw new TooSoon(wait);
      const id = toBase64url(provider.randomBytes(ID_BYTES));
      const challenge = startChallenge(provider, parts.digits, now());
      const { address, identity, bytes } = record;
      const kept = mode === 'named' ? { record: bytes } : {};
      pending.add(id, { ...kept, challenge, address, identity, owner, startedAt: now() });
      const { code, expiresAt } = challenge;
      dispatch.send(verification, { code, expiresAt, text: textOf(code, mode === 'named' ? address : undefined) });
      return { id, expiresAt, digits: parts.digits };
    },

    async verify(id, code) {
      const answered = pending.answer(id, code);
      if (answered.kind === 'wrong') {
        throw new SealMQError('DIRECTORY_CODE_WRONG', `wrong code; tries left: ${answered.triesLeft}`);
      }
      if (answered.kind === 'spent') {
        throw new SealMQError('DIRECTORY_CODE_SPENT', 'no registration waits for this code; begin a new one');
      }
      try {
        return await enter(answered.pending);
      } catch (error) {
        // A fault of ours costs nobody a code.
        if (!isRefusal(error)) pending.add(id, answered.pending);
        throw error;
      }
    },

    async renew(bytes) {
      const presentedOk = await presented(bytes);
      const identity = await book.renew(presentedOk);
      if (identity) return grant(presentedOk.address, identity);
      throw new SealMQError('DIRECTORY_REFUSED', 'this registration does not hold any more; register again');
    },

    async close() {
      await dispatch.close();
      await book.close();
    },
  };
}

function isRefusal(error: unknown): boolean {
  return isSealMQError(error, 'DIRECTORY_CONFLICT') || isSealMQError(error, 'DIRECTORY_REFUSED');
}

/** @throws `DIRECTORY_REFUSED` */
function assertMode(mode: 'named' | 'anonymous', address: string): void {
  if (isRegistrationId(address) === (mode === 'anonymous')) return;
  const what = mode === 'anonymous' ? 'registration ids' : 'user names';
  throw new SealMQError('DIRECTORY_REFUSED', `this directory registers ${what} only`);
}

/** Nobody but the owner of the mailbox shall learn an anonymous id: it is not in the message. */
function textOf(code: string, address: string | undefined): string {
  const what = address === undefined ? 'an anonymous address' : `the address "${address}"`;
  return (
    `${code} is the code to register ${what}.\n\nIt is good for ten minutes. Type it where you have just registered, and ` +
    'tell it to nobody. If you have not registered anything, ignore this message.\n'
  );
}
