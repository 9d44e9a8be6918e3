import { expect } from 'vitest';
import { defaultProvider } from '../../src/crypto/probe.js';
import { run } from '../../src/crypto/steps.js';
import { type Account, createAccount } from '../../src/protocol/identity/index.js';
import type { World } from './world.js';

export const provider = await defaultProvider();
export const now = () => Math.floor(Date.now() / 1000);

/** An account that seals by hand, so that it can lie about everything. */
export async function liar(world: World, address: string): Promise<Account> {
  const account = await run(createAccount(provider, { address, now: now() }));
  const answer = await fetch(`${world.directory.url}/v1/keys/${address}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/cose' },
    body: account.record.bytes as Uint8Array<ArrayBuffer>,
  });
  expect(answer.status).toBeLessThan(300);
  return account;
}

/** Claims of the first message of a numbering. */
export const claims = (from: string, to: string) => ({
  ...{ from, audience: to, issuedAt: now(), payload: new TextEncoder().encode('hm') },
  ...{ seq: 1, stream: 1 },
});

export async function publish(world: World, topic: string, bytes: Uint8Array): Promise<void> {
  await (await world.client()).publishAsync(topic, Buffer.from(bytes), { qos: 1 });
}
