import { onTestFinished } from 'vitest';
import { toBase64url } from '../../src/bytes/base64url.js';
import type { PrivateKey } from '../../src/crypto/provider.js';
import { run } from '../../src/crypto/steps.js';
import { keyThumbprint } from '../../src/crypto/thumbprints.js';
import { type Account, createAccount } from '../../src/protocol/identity/index.js';
import { emailId, phoneId, registrationId, verificationHash } from '../../src/protocol/registration/index.js';
import { type CodeMessage, type CodeSender, createKeyProvider, type KeyProvider } from '../../src/server/index.js';
import type { KeyProviderOptions } from '../../src/server/key-provider/options.js';
import type { RegistrationOptions } from '../../src/server/registration/options.js';
import { type ManualClock, manualClock, provider } from '../directory/fixtures.js';

/** A sender that keeps what it is given. */
export interface Outgoing extends CodeSender {
  readonly messages: CodeMessage[];
  readonly codes: string[];
}

export function outgoing(): Outgoing {
  const messages: CodeMessage[] = [];
  return {
    messages,
    get codes() {
      return messages.map(({ code }) => code);
    },
    send: async (message) => void messages.push(message),
    close: async () => {},
  };
}

/** Where a registration is asked for. */
export interface Service {
  readonly server: KeyProvider;
  readonly clock: ManualClock;
  readonly mail: Outgoing;
  readonly failures: unknown[];
  post(path: string, body: BodyInit, headers?: Record<string, string>): Promise<Response>;
  /** Begins a registration; its id. */
  start(request: object): Promise<string>;
  answer(id: string, code: string): Promise<Response>;
}

/** A directory that registers people; it ends with the test. Limits are off unless given. */
export async function startService(
  registration: Partial<RegistrationOptions> = {},
  options: KeyProviderOptions = {},
): Promise<Service> {
  const clock = (options.clock as ManualClock | undefined) ?? manualClock();
  const mail = outgoing();
  const failures: unknown[] = [];
  const server = await createKeyProvider({
    clock,
    limits: { reads: false, writes: false },
    onError: (error) => failures.push(error),
    ...options,
    registration: { mode: 'named', email: mail, ...registration, limits: { ...UNLIMITED, ...registration.limits } },
  });
  onTestFinished(() => server.close());
  const post = (path: string, body: BodyInit, headers: Record<string, string> = {}) =>
    server.app(new Request(`${server.url}/v1/registrations${path}`, { method: 'POST', body, headers }));
  return {
    ...{ server, clock, mail, failures, post },
    async start(request) {
      const answer = await post('', JSON.stringify(request));
      if (answer.status !== 202) throw new Error(await answer.text());
      return ((await answer.json()) as { id: string }).id;
    },
    answer: (id, code) => post(`/${id}/verify`, JSON.stringify({ code })),
  };
}

const UNLIMITED = {
  perNetwork: false,
  answers: false,
  perVerificationId: false,
  perAddress: false,
  total: false,
} as const;

/** Who wants to register. */
export interface Applicant {
  readonly account: Account;
  /** The body of the request. */
  readonly request: Readonly<Record<string, string>>;
}

/** Somebody with fresh keys, under a user name. */
export async function applicant(name: string, contact: Contact, now: number): Promise<Applicant> {
  const account = await run(createAccount(provider, { address: name, now }));
  return { account, request: await requestFor(account, name, contact, provider.randomBytes(32)) };
}

/** Somebody with fresh keys, under a registration id. */
export async function anonymousApplicant(userId: string, contact: Contact, now: number): Promise<Applicant> {
  const identityKey: PrivateKey = await provider.generateKey('Ed25519');
  const salt = provider.randomBytes(32);
  const hash = await run(verificationHash(provider, salt, idOf(contact)));
  const identity = await run(keyThumbprint(provider, identityKey.publicKey));
  const address = await run(registrationId(provider, { identity, userId, verificationHash: hash }));
  const account = await run(createAccount(provider, { address, identityKey, now }));
  return { account, request: await requestFor(account, userId, contact, salt) };
}

type Contact = { readonly email: string } | { readonly phone: string };

/** The body of a registration of `account`. */
export async function requestFor(account: Account, userId: string, contact: Contact, salt: Uint8Array) {
  const hash = await run(verificationHash(provider, salt, idOf(contact)));
  return {
    userId,
    record: toBase64url(account.record.bytes),
    salt: toBase64url(salt),
    verificationHash: toBase64url(hash),
    ...contact,
  };
}

function idOf(contact: Contact) {
  return 'email' in contact ? emailId(contact.email) : phoneId(contact.phone);
}

/** Status and code of an answer. */
export async function outcome(answer: Response | Promise<Response>): Promise<readonly [number, string]> {
  const { status, headers, body } = await answer;
  if (!headers.get('Content-Type')?.includes('json')) {
    await body?.cancel();
    return [status, 'cose'];
  }
  const { code = 'none' } = (await (await answer).json()) as { code?: string };
  return [status, code];
}
