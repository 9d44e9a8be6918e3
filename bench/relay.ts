/** One hand-in for many receivers beside sealing and publishing to each one alone. */
import { memoryStore } from '../src/adapters/store/memory-store.js';
import { Messenger } from '../src/client/messenger.js';
import { nativeProvider } from '../src/crypto/native.js';
import { run } from '../src/crypto/steps.js';
import { createAccount } from '../src/protocol/identity/index.js';
import { createBroker, createKeyProvider, createRelay } from '../src/server/index.js';
import type { Result } from './measure.js';

const RECEIVERS = [2, 10, 100];
const ROUNDS = Number(process.env.SEALMQ_BENCH_ROUNDS ?? 30);
const WARM_UP = 3;

/** Until the relay has answered that all copies are in their queues, beside the acknowledgement of each message by the broker. */
export async function relay(): Promise<Result[]> {
  const broker = await createBroker();
  const directory = await createKeyProvider({ limits: { reads: false, writes: false } });
  const url = broker.mqttUrl as string;
  const limits = { copies: { burst: 1_000_000, perSecond: 1_000_000 } };
  const instance = await createRelay({
    broker: url,
    directory: directory.url,
    registered: directory.registered,
    limits,
  });
  await directory.publishRelay(instance.record);
  const alice = await Messenger.open({ address: 'alice', broker: url, directory: directory.url, store: memoryStore() });
  try {
    await alice.register();
    const addresses = await populate(directory, Math.max(...RECEIVERS));
    const results: Result[] = [];
    for (const count of RECEIVERS) results.push(await fanOut(alice, addresses.slice(0, count)));
    return results;
  } finally {
    await alice.close();
    await instance.close();
    await directory.close();
    await broker.close();
  }
}

async function fanOut(alice: Messenger, to: readonly string[]): Promise<Result> {
  const payload = new Uint8Array(1024);
  const options = { receipt: false, copy: false };
  const together = async () => {
    await (await alice.send(to, payload, options)).outcomes;
  };
  const alone = async () => {
    const sent = await Promise.all(to.map((one) => alice.send(one, payload, options)));
    await Promise.all(sent.map(({ published }) => published));
  };
  const times = { together: Number.POSITIVE_INFINITY, alone: Number.POSITIVE_INFINITY };
  for (let round = 0; round < ROUNDS + WARM_UP; round++) {
    for (const [name, work] of Object.entries({ together, alone })) {
      const start = performance.now();
      await work();
      const took = performance.now() - start;
      if (round >= WARM_UP) times[name as keyof typeof times] = Math.min(times[name as keyof typeof times], took);
    }
  }
  return {
    name: `hand-in for ${to.length} receivers, 1 KiB`,
    value: times.together,
    unit: 'ms',
    beside: `each alone: ${times.alone.toFixed(1)} ms`,
    ratio: times.together / times.alone,
  };
}

/** Receivers that are registered and away. */
async function populate({ app, url }: Awaited<ReturnType<typeof createKeyProvider>>, count: number): Promise<string[]> {
  const provider = nativeProvider();
  const addresses: string[] = [];
  for (let n = 0; n < count; n++) {
    const address = `r${n}`;
    const { record } = await run(createAccount(provider, { address, now: Math.floor(Date.now() / 1000) }));
    const body = record.bytes as Uint8Array<ArrayBuffer>;
    const answer = await app(new Request(`${url}/v1/keys/${address}`, { method: 'PUT', body }));
    if (!answer.ok) throw new TypeError(await answer.text());
    addresses.push(address);
  }
  return addresses;
}
