import { afterEach, expect, test } from 'vitest';
import { staticDirectory } from '../../src/adapters/directory/static-directory.js';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { Messenger } from '../../src/client/messenger.js';
import { SimulatedBroker } from '../../src/testing/simulated-broker.js';
import { HONEST } from '../../src/testing/temper.js';
import { type VirtualTime, virtualTime } from '../../src/testing/virtual-time.js';
import { seededProvider } from './seeded-provider.js';

let time: VirtualTime | undefined;
afterEach(() => time?.end());

test('a broker that loses 2,000 messages in a row loses nothing for good', { timeout: 120_000 }, async () => {
  time = virtualTime();
  const clock = { now: () => Date.now() };
  const provider = seededProvider(1);
  const directory = await staticDirectory({ provider, clock });
  const broker = new SimulatedBroker();
  const open = async (address: string) => {
    const options = { address, broker: broker.create(address), directory, provider, clock };
    const messenger = await Messenger.open({ ...options, store: memoryStore(), connect: 'background' });
    await messenger.register();
    return messenger;
  };
  const [alice, bob] = [await open('alice'), await open('bob')];
  const handled: number[] = [];
  bob.on('message', ({ text }) => void handled.push(Number(text)));
  await time.pass(1000);
  const TOTAL = 2020;
  for (let n = 0; n < TOTAL; n++) {
    const lost = n >= 10 && n < TOTAL - 10;
    broker.temper = lost ? { ...HONEST, published: () => ({ dispatches: [], answer: 'acknowledge' }) } : HONEST;
    await alice.send('bob', String(n));
    if (n % 100 === 0 || n === 9 || n === TOTAL - 11) await time.pass(10);
  }
  const all = await time.passUntil(() => handled.length === TOTAL, 24 * 3600_000);
  expect({ all, distinct: new Set(handled).size }).toEqual({ all: true, distinct: TOTAL });
  expect(await time.passUntil(() => alice.status().unreceipted === 0, 3600_000)).toBe(true);
});
