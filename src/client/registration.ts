import { equal } from '../bytes/bytes.js';
import { present } from '../bytes/fields.js';
import type { CryptoProvider } from '../crypto/provider.js';
import { type Awaitable, run } from '../crypto/steps.js';
import { asSealMQError, isSealMQError, SealMQError } from '../errors.js';
import type { IssuedInfoOk, Registrar, StartedRegistration } from '../ports/registrar.js';
import type { Store } from '../ports/store.js';
import { isRegistrationId } from '../protocol/address.js';
import { CODE_TRIES } from '../protocol/registration/challenge.js';
import { registrationId, SALT_BYTES, verificationHash } from '../protocol/registration/hrid.js';
import { infoOk } from '../protocol/registration/info-ok.js';
import type { VerificationId } from '../protocol/registration/verification-id.js';
import type { ShownRegistration } from '../protocol/relay/sender.js';
import { readUnverified } from '../protocol/statement.js';
import type { Events } from './events.js';
import type { KeyCache } from './key-cache.js';
import type { LocalAccount } from './local-account.js';
import type { MessengerEvents } from './messenger-events.js';
import {
  type LoadedRegistration,
  loaded,
  putRegistration,
  readRegistration,
  registeredElsewhere,
} from './saved-registration.js';
import { type Contact, verificationIdOf } from './verification.js';

/** How one registers with a service that sends codes. */
export type RegisterOptions = Contact & {
  /** Asks the person for the code; asked again while it is wrong and tries are left. */
  readonly code: (request: CodeRequest) => Awaitable<string>;
};

/** What to tell the person who is to type a code. */
export interface CodeRequest {
  /** Where it went. */
  readonly to: string;
  readonly digits: number;
  readonly expiresAt: Date;
  /** Whether the last answer was wrong. */
  readonly wrong: boolean;
}

/** The service's word that our address is registered; it is renewed by itself. */
export interface Registration {
  readonly address: string;
  /** The Info OK, a COSE_Sign1: what admits to brokers and relays of the service. */
  readonly infoOk: Uint8Array;
  readonly expiresAt: Date;
}

/** Registering, and staying registered. */
export interface RegistrationDesk {
  /** @throws as `Messenger.register` with a code */
  register(options: RegisterOptions): Promise<void>;
  /** Absent before {@link register}, and where no code is asked for. */
  readonly current: Registration | undefined;
  /** The newest Info OK, renewed before where that is due. */
  infoOk(): Promise<Uint8Array | undefined>;
  /** As `Registrar.check`; nothing is known where no code is asked for. */
  check: Registrar['check'];
  /** What shows that an anonymous address of ours is registered; absent for names, and before {@link register}. */
  readonly shown: ShownRegistration | undefined;
  /**
   * Takes the registration of our anonymous account from the device that has linked this one; it is renewed here from then on.
   *
   * @throws `DECODE_LINK` when it is not that of our address and identity, `DIRECTORY_BAD_ANSWER` for what is no Info OK
   */
  adopt(shown: ShownRegistration): Promise<void>;
  close(): Promise<void>;
}

/** What {@link openRegistrationDesk} works on. */
interface Parts {
  readonly provider: CryptoProvider;
  readonly store: Store;
  readonly account: LocalAccount;
  readonly keys: KeyCache;
  readonly events: Events<MessengerEvents>;
  readonly registrar: Registrar | undefined;
  /** Directory time in milliseconds. */
  readonly now: () => number;
}

/** How often it is looked whether the Info OK is to be renewed, in milliseconds. Half of its life may pass before. */
const INTERVAL = 3600 * 1000;

/** Opens what is known of our registration, and keeps it from expiring. */
export async function openRegistrationDesk(parts: Parts): Promise<RegistrationDesk> {
  const { provider, store, account, keys, events } = parts;
  let saved = await readRegistration(store);
  let renewal: Promise<void> | undefined;

  async function keep(registration: LoadedRegistration, issued?: IssuedInfoOk): Promise<void> {
    const next = loaded({ ...registration, ...(issued && { infoOk: issued.bytes }) });
    await store.batch([putRegistration(next)], { sync: true });
    saved = next;
  }

  /** What the address is registered with: the same at every attempt, and durable before the service sees it. */
  async function prepare(verification: VerificationId): Promise<LoadedRegistration & { readonly salt: Uint8Array }> {
    if (isRegistrationId(account.address)) {
      if (!saved?.salt) throw registeredElsewhere();
      await saved.assertFor(provider, verification);
      return { ...saved, salt: saved.salt };
    }
    const salt = provider.randomBytes(SALT_BYTES);
    const hash = await run(verificationHash(provider, salt, verification));
    const fresh = loaded(present({ userId: account.address, salt, verificationHash: hash, infoOk: saved?.infoOk }));
    await keep(fresh);
    return { ...fresh, salt };
  }

  function assertOurs(issued: IssuedInfoOk): IssuedInfoOk {
    const isOurs = issued.address === account.address && equal(issued.identity, account.record.identity);
    if (isOurs) return issued;
    throw new SealMQError('DIRECTORY_BAD_ANSWER', 'the directory answered with an Info OK of somebody else');
  }

  async function renewIfDue(): Promise<void> {
    const { registrar } = parts;
    if (!saved?.infoOk || !registrar) return;
    const { issuedAt, expiresAt } = readUnverified(infoOk, saved.infoOk);
    if (parts.now() / 1000 < (issuedAt + expiresAt) / 2) return;
    await keep(saved, assertOurs(await registrar.renew(saved.infoOk)));
  }

  function renewBehind(): void {
    renewal ??= renewIfDue()
      .catch((error) => events.emit('warning', asSealMQError(error, 'STATE_UNAVAILABLE', 'no new Info OK')))
      .finally(() => {
        renewal = undefined;
      });
  }

  const timer = setInterval(renewBehind, INTERVAL);
  // In Node the timer must not keep the process alive; browsers' timers are plain numbers.
  if (typeof timer === 'object') timer.unref?.();
  const unlisten = events.on('connection', ({ state }) => {
    if (state === 'connected') renewBehind();
  });

  return {
    async register({ code, ...contact }) {
      const { registrar } = parts;
      if (!registrar) throw new SealMQError('USAGE_INVALID_ARGUMENT', 'this directory sends no codes: register()');
      const verification = verificationIdOf(contact);
      const registration = await prepare(verification);
      const record = await account.freshRecord(keys, Math.floor(parts.now() / 1000));
      const { userId, salt, verificationHash: hash } = registration;
      const to = { kind: verification.kind, address: verification.to };
      const request = { userId, record: record.bytes, salt, verificationHash: hash, to };
      const started = await registrar.start(request);
      await keep(registration, assertOurs(await answer(registrar, started, verification.to, code)));
    },
    get current() {
      if (!saved?.infoOk) return undefined;
      const { address, expiresAt } = readUnverified(infoOk, saved.infoOk);
      return { address, infoOk: saved.infoOk, expiresAt: new Date(expiresAt * 1000) };
    },
    check: async (bytes) => parts.registrar?.check(bytes),
    async infoOk() {
      renewBehind();
      await renewal;
      return saved?.infoOk;
    },
    get shown() {
      if (!saved?.infoOk || !isRegistrationId(account.address)) return undefined;
      const { userId, verificationHash, infoOk } = saved;
      return { userId, verificationHash, infoOk };
    },
    async adopt({ userId, verificationHash, infoOk: bytes }) {
      const { identity } = account.record;
      const said = readUnverified(infoOk, bytes);
      const made = await run(registrationId(provider, { identity, userId, verificationHash }));
      if (made !== account.address || said.address !== account.address || !equal(said.identity, identity)) {
        throw new SealMQError('DECODE_LINK', 'the registration of somebody else');
      }
      await keep(loaded({ userId, verificationHash, infoOk: bytes }));
    },
    async close() {
      clearInterval(timer);
      unlisten();
      await renewal;
    },
  };
}

/** Asks for the code until it is right, or spent. */
async function answer(
  registrar: Registrar,
  { id, digits, expiresAt }: StartedRegistration,
  to: string,
  code: RegisterOptions['code'],
): Promise<IssuedInfoOk> {
  for (let tries = 0; tries < CODE_TRIES; tries++) {
    const given = await code({ to, digits, expiresAt: new Date(expiresAt), wrong: tries > 0 });
    const typed = given.replace(/[\s-]/g, '');
    if (!/^\d+$/.test(typed) || typed.length !== digits) continue;
    try {
      return await registrar.verify(id, typed);
    } catch (error) {
      if (!isSealMQError(error, 'DIRECTORY_CODE_WRONG')) throw error;
    }
  }
  throw new SealMQError('DIRECTORY_CODE_SPENT', 'too many wrong codes; register again');
}
