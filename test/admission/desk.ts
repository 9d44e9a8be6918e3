import { toBase64url } from '../../src/bytes/base64url.js';
import { run } from '../../src/crypto/steps.js';
import { signTokenRequest, signVoucher, type TokenRequest, type Voucher } from '../../src/protocol/directory/index.js';
import {
  type Account,
  type DeviceEntry,
  type DeviceKeys,
  enterDevice,
  generateDeviceKeys,
} from '../../src/protocol/identity/index.js';
import { type AdmissionRulesOptions, admissionRules } from '../../src/server/admission/admission-rules.js';
import type { Broker, BrokerOptions } from '../../src/server/broker/broker.js';
import { createKeyProvider, type KeyProvider, type KeyProviderOptions } from '../../src/server/key-provider/index.js';
import { afterTest, openBroker } from '../broker/clients.js';
import { accountOf, provider } from '../directory/fixtures.js';

/** A directory that admits, closed after the test. */
export async function openDirectory(options: KeyProviderOptions = {}): Promise<KeyProvider> {
  const directory = await createKeyProvider({ admission: true, limits: { writes: false }, ...options });
  afterTest(() => directory.close());
  return directory;
}

/** A broker that takes the tokens of `directory`, and mail for whoever has a record there. */
export async function openGuarded(
  { admission }: KeyProvider,
  options: BrokerOptions & Partial<AdmissionRulesOptions> = {},
): Promise<Broker> {
  if (!admission) throw new Error('the directory does not admit');
  const rules = admissionRules({ ...admission, ...options });
  return openBroker({ ...rules, ...options });
}

/** An account whose record is published now. */
export async function register(directory: KeyProvider, address: string): Promise<Account> {
  const account = await accountOf(address, Math.floor(Date.now() / 1000));
  const body = account.record.bytes as Uint8Array<ArrayBuffer>;
  const answer = await fetch(`${directory.url}/v1/keys/${address}`, { method: 'PUT', body });
  if (!answer.ok) throw new Error(await answer.text());
  return account;
}

export async function fetchChallenge({ url }: KeyProvider): Promise<Uint8Array> {
  return new Uint8Array(await (await fetch(`${url}/v1/admission`)).arrayBuffer());
}

/** Asks for a token as a client does; parts of the request can be others. */
export async function ask(
  directory: KeyProvider,
  account: Account,
  clientId: string,
  other: Partial<TokenRequest> = {},
): Promise<Response> {
  const challenge = await fetchChallenge(directory);
  const request = { challenge, address: account.record.address, clientId, ...other };
  return post(directory, await run(signTokenRequest(provider, account.device.signKey, request)));
}

/** Keys for a device that `account` could enter. */
export async function newcomer({ record }: Account): Promise<{ keys: DeviceKeys; entry: DeviceEntry }> {
  const keys = await run(generateDeviceKeys(provider, 'X25519-Ed25519'));
  return { keys, entry: await run(enterDevice(provider, keys, record, { notBefore: record.issuedAt })) };
}

/** Vouches for `device` with the identity key of `account`; parts of the voucher can be others. */
export async function vouch(
  directory: KeyProvider,
  { identityKey, record }: Account,
  device: DeviceEntry,
  other: Partial<Voucher> = {},
): Promise<Response> {
  const voucher = { challenge: await fetchChallenge(directory), address: record.address, device, ...other };
  return postVoucher(directory, await run(signVoucher(provider, identityKey, voucher)));
}

export function postVoucher({ url }: KeyProvider, voucher: Uint8Array): Promise<Response> {
  return fetch(`${url}/v1/admission/guests`, { method: 'POST', body: voucher as Uint8Array<ArrayBuffer> });
}

/** What a guest signs with. */
export interface GuestKeys {
  readonly keys: Pick<DeviceKeys, 'signKey'>;
}

/** Asks for a token as a guest does. */
export async function askAsGuest(
  directory: KeyProvider,
  address: string,
  { keys }: GuestKeys,
  clientId = randomId(),
): Promise<Response> {
  const challenge = await fetchChallenge(directory);
  return post(directory, await run(signTokenRequest(provider, keys.signKey, { challenge, address, clientId })));
}

export function post({ url }: KeyProvider, body: Uint8Array): Promise<Response> {
  return fetch(`${url}/v1/admission`, { method: 'POST', body: body as Uint8Array<ArrayBuffer> });
}

/** The status, and the code where it was refused. */
export async function outcomeOf(asking: Promise<Response>): Promise<string> {
  const answer = await asking;
  return answer.ok ? String(answer.status) : `${answer.status} ${((await answer.json()) as { code: string }).code}`;
}

/** User name, client id and password of a fresh token. */
export async function credentialsOf(directory: KeyProvider, account: Account, clientId = randomId()) {
  const { token } = (await (await ask(directory, account, clientId)).json()) as { token: string };
  return { clientId, username: account.record.address, password: token };
}

export function randomId(): string {
  return toBase64url(provider.randomBytes(16));
}
