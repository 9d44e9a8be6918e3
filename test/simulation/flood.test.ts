import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { staticDirectory } from '../../src/adapters/directory/static-directory.js';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { Messenger } from '../../src/client/messenger.js';
import { nativeProvider } from '../../src/crypto/native.js';
import { run } from '../../src/crypto/steps.js';
import { seal } from '../../src/protocol/envelope/seal.js';
import type { Family } from '../../src/protocol/envelope/topics.js';
import { activeSealKeys, createAccount } from '../../src/protocol/identity/index.js';
import { SimulatedBroker } from '../../src/testing/simulated-broker.js';
import { until } from '../client/world.js';

const provider = nativeProvider();
const now = Math.floor(Date.now() / 1000);

const MIB = 1 << 20;
const PAYLOAD = 16 << 10;
/** Of 16 KiB each: 32 MiB. */
const FLOOD = 2000;
const WAVE = 200;
const FAMILIES: readonly Family[] = ['message', 'state', 'will', 'control', 'signal', 'relay'];

const limits = {
  inbox: { entries: 1000, bytes: MIB },
  outbox: { entries: 1000, bytes: MIB },
  quarantine: { entries: 200, bytes: MIB },
  states: { entries: 200, bytes: MIB },
};
/** Look-ups are limited, and what a full quarantine refuses comes again: after so many milliseconds. */
const REPUBLISH_AFTER = 500;
/** What may stay: the queues in the store, in memory here, caches and what the engine keeps for itself. */
const LEFT = 12 * MIB;

test('a flood of mail, of every family and in thousands of names, stays within the limits', async () => {
  const directory = await staticDirectory({ provider });
  const broker = new SimulatedBroker();
  const open = async (address: string) => {
    const messenger = await Messenger.open({
      ...{ address, broker: broker.create(address), provider, directory, limits },
      timing: { republishAfter: REPUBLISH_AFTER },
      store: memoryStore(),
    });
    await messenger.register();
    return messenger;
  };
  const [alice, bob] = [await open('alice'), await open('bob')];
  const recipients = activeSealKeys(bob.record, now);
  const stranger = await run(createAccount(provider, { address: 'stranger', now }));
  const payload = new Uint8Array(PAYLOAD).fill(7);
  const start = await heap();
  for (let sent = 0; sent < FLOOD; sent += WAVE) {
    for (let n = sent; n < sent + WAVE; n++) {
      const family = FAMILIES[n % FAMILIES.length] as Family;
      const draft = { from: `stranger-${n}`, audience: 'bob', issuedAt: now, payload, family, seq: 1, stream: n + 1 };
      const sealed = await seal(provider, draft, { signKey: stranger.device.signKey, recipients });
      broker.inject(`nes/bob/${family}`, sealed);
    }
    await until(() => broker.depth === 0 || undefined);
  }
  const status = bob.status();
  expect(status.quarantine).toBeGreaterThan(0);
  expect(status.quarantine).toBeLessThanOrEqual(limits.quarantine.entries);
  const left = (await heap()) - start;
  expect(left).toBeLessThan(LEFT);
  // And a good message comes through, at once or when the flood's look-ups have been paid for.
  const heard = new Promise<string>((resolve) => bob.on('message', ({ text }) => resolve(text)));
  await alice.send('bob', 'still there?');
  expect(await heard).toBe('still there?');
  await Promise.all([alice.close(), bob.close()]);
});

/** Bytes in use after collections, on the heap and beside it, which is let go a turn later. */
async function heap(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let turn = 0; turn < 4; turn++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
