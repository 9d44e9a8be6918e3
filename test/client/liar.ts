import { expect } from 'vitest';
import type { Messenger } from '../../src/client/messenger.js';
import type { PublicKey } from '../../src/cose/key.js';
import { defaultProvider } from '../../src/crypto/probe.js';
import type { PrivateKey } from '../../src/crypto/provider.js';
import { run } from '../../src/crypto/steps.js';
import { type Control, decodeControl } from '../../src/protocol/envelope/control.js';
import { type OpenedMessage, open } from '../../src/protocol/envelope/open.js';
import {
  type Account,
  addDevice,
  createAccount,
  type DeviceKeys,
  enterDevice,
  generateDeviceKeys,
  type KeyRecord,
  nextRecord,
} from '../../src/protocol/identity/index.js';
import type { World } from './world.js';

export const provider = await defaultProvider();
export const now = () => Math.floor(Date.now() / 1000);

/** An account that seals by hand, so that it can lie about everything. */
export async function liar(world: World, address: string): Promise<Account> {
  const account = await run(createAccount(provider, { address, now: now() }));
  await putRecord(world, account.record);
  return account;
}

/** Another device of a liar's account, entered into its record. */
export async function secondDevice(world: World, { identityKey, record }: Account): Promise<DeviceKeys> {
  const device = await run(generateDeviceKeys(provider, 'X25519-Ed25519'));
  const entry = await run(enterDevice(provider, device, record, { notBefore: now() }));
  await putRecord(world, await run(nextRecord(provider, identityKey, record, addDevice(entry), now())));
  return device;
}

async function putRecord(world: World, { address, bytes }: KeyRecord): Promise<void> {
  const answer = await fetch(`${world.directory.url}/v1/keys/${address}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/cose' },
    body: bytes as Uint8Array<ArrayBuffer>,
  });
  expect(answer.status).toBeLessThan(300);
}

/** The key that a messenger's device signs with. */
export const signKeyOf = (messenger: Messenger) => messenger.record.devices[0]?.signKey as PublicKey;

/** A message for `reader`, opened. */
export async function read(sealed: Uint8Array, reader: Account, signer: PublicKey): Promise<OpenedMessage> {
  const { address } = reader.record;
  const outcome = await open(provider, sealed, {
    ...{ address, keys: [reader.device.sealKey], now: now(), senderKey: () => ({ key: signer }) },
  });
  if (outcome.kind !== 'opened') throw new TypeError(`not opened: ${outcome.kind}`);
  return outcome.message;
}

/** Claims of the first message of a numbering. */
export const claims = (from: string, to: string) => ({
  ...{ from, audience: to, issuedAt: now(), payload: new TextEncoder().encode('hm') },
  ...{ seq: 1, stream: 1 },
});

export async function publish(world: World, topic: string, bytes: Uint8Array, { retain = false } = {}): Promise<void> {
  await (await world.client()).publishAsync(topic, Buffer.from(bytes), { qos: 1, retain });
}

/** The control messages that come for `address`, as the device with `key` reads them; the signer is taken on trust. */
export async function hearControls(world: World, address: string, key: PrivateKey, signer: PublicKey) {
  const heard: Control[] = [];
  const listener = await world.client();
  listener.on('message', async (_topic, payload) => {
    const opened = await open(provider, new Uint8Array(payload), {
      ...{ address, family: 'control', keys: [key], now: now(), senderKey: () => ({ key: signer }) },
    });
    if (opened.kind === 'opened') heard.push(decodeControl(opened.message.payload));
  });
  await listener.subscribeAsync(`nes/${address}/control`, { qos: 1 });
  return heard;
}
