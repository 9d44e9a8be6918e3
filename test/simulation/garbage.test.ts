import { expect, test } from 'vitest';
import { staticDirectory } from '../../src/adapters/directory/static-directory.js';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { Messenger } from '../../src/client/messenger.js';
import { nativeProvider } from '../../src/crypto/native.js';
import type { CryptoProvider } from '../../src/crypto/provider.js';
import { run } from '../../src/crypto/steps.js';
import { seal } from '../../src/protocol/envelope/seal.js';
import { activeSealKeys, createAccount } from '../../src/protocol/identity/index.js';
import { SimulatedBroker } from '../../src/testing/simulated-broker.js';
import { until } from '../client/world.js';

const native = nativeProvider();
const now = Math.floor(Date.now() / 1000);
const ROUNDS = 200;
/** Writes that a messenger makes of its own accord meanwhile, at most. */
const OWN = 5;

/** Bob, and how often he writes, asks the directory and uses his private key. */
async function watchedBob() {
  const work = { writes: 0, lookups: 0, privateKeys: 0, rejected: 0 };
  const provider: CryptoProvider = {
    ...native,
    agree(key, ephemeral) {
      work.privateKeys++;
      return native.agree(key, ephemeral);
    },
  };
  const store = memoryStore();
  const directory = await staticDirectory({ provider });
  const broker = new SimulatedBroker();
  const bob = await Messenger.open({
    ...{ address: 'bob', broker: broker.create('bob'), provider },
    store: {
      ...store,
      batch(operations, options) {
        if (operations.length > 0) work.writes++;
        return store.batch(operations, options);
      },
    },
    directory: {
      ...directory,
      lookup(address, hash) {
        work.lookups++;
        return directory.lookup(address, hash);
      },
    },
  });
  await bob.register();
  bob.on('rejected', () => work.rejected++);
  return { bob, broker, work };
}

/** What `ROUNDS` of a kind of garbage make Bob do. */
async function workFor(garbage: (bob: Messenger) => Promise<Uint8Array>) {
  const { bob, broker, work } = await watchedBob();
  const bytes = await garbage(bob);
  Object.assign(work, { writes: 0, lookups: 0, privateKeys: 0 });
  for (let i = 0; i < ROUNDS; i++) broker.inject('nes/bob/message', bytes);
  await until(() => work.rejected + bob.status().quarantine >= ROUNDS || undefined);
  await bob.close();
  return work;
}

test('garbage costs no write, no key is touched, nobody is asked', async () => {
  const short = await workFor(async () => new Uint8Array(300).fill(7));
  expect(short).toMatchObject({ lookups: 0, privateKeys: 0, rejected: ROUNDS });
  expect(short.writes).toBeLessThanOrEqual(OWN);
  const malformed = await workFor(async () => Uint8Array.of(0xd8, 0x60, 0x84, 0xff, 0, 0));
  expect(malformed).toMatchObject({ lookups: 0, privateKeys: 0, rejected: ROUNDS });
  expect(malformed.writes).toBeLessThanOrEqual(OWN);
});

test('what is sealed to somebody else costs no key operation, what is sealed to me by a stranger costs one', async () => {
  const stranger = await run(createAccount(native, { address: 'stranger', now }));
  const draft = { from: 'stranger', audience: 'bob', issuedAt: now, payload: new Uint8Array(10), seq: 1, stream: 1 };
  const by = (recipients: Parameters<typeof seal>[2]['recipients']) =>
    seal(native, draft, { signKey: stranger.device.signKey, recipients });
  const others = await workFor(() => by(activeSealKeys(stranger.record, now)));
  expect(others).toMatchObject({ lookups: 0, privateKeys: 0, rejected: ROUNDS });
  expect(others.writes).toBeLessThanOrEqual(OWN);
  const mine = await workFor((bob) => by(activeSealKeys(bob.record, now)));
  expect(mine).toMatchObject({ privateKeys: ROUNDS, lookups: 1 });
  expect(mine.writes).toBeLessThanOrEqual(2 * ROUNDS + OWN);
});
