/** One hand-in for many receivers beside sealing and publishing to each one alone; and the dials that one relay works off. */
import mqtt from 'mqtt';
import { memoryStore } from '../src/adapters/store/memory-store.js';
import { Messenger } from '../src/client/messenger.js';
import { nativeProvider } from '../src/crypto/native.js';
import { run } from '../src/crypto/steps.js';
import { sealSync } from '../src/protocol/envelope/index.js';
import { activeSealKeys } from '../src/protocol/identity/account.js';
import { type Account, createAccount, verifyRelayRecord } from '../src/protocol/identity/index.js';
import { sealHandIn } from '../src/protocol/relay/index.js';
import { createBroker, createKeyProvider, createRelay, type KeyProvider, type Relay } from '../src/server/index.js';
import type { Result } from './measure.js';

const RECEIVERS = [2, 10, 100];
const ROUNDS = Number(process.env.SEALMQ_BENCH_ROUNDS ?? 30);
const WARM_UP = 3;

/** Until the relay has answered that all copies are in their queues, beside the acknowledgement of each message by the broker. */
export async function relay(): Promise<Result[]> {
  const broker = await createBroker();
  const directory = await createKeyProvider({ limits: { reads: false, writes: false } });
  const url = broker.mqttUrl as string;
  const plenty = { burst: 1_000_000, perSecond: 1_000_000 };
  const limits = { copies: plenty };
  const push = { contact: 'mailto:bench@example.org', limits: { perCaller: plenty, perCallee: plenty } };
  const instance = await createRelay({
    broker: url,
    directory: directory.url,
    registered: directory.registered,
    limits,
    push,
  });
  await directory.publishRelay(instance.record);
  const alice = await Messenger.open({ address: 'alice', broker: url, directory: directory.url, store: memoryStore() });
  try {
    await alice.register();
    const addresses = await populate(directory, Math.max(...RECEIVERS));
    const results: Result[] = [];
    for (const count of RECEIVERS) results.push(await fanOut(alice, addresses.slice(0, count)));
    results.push(await dials(instance, url, await settle(directory, 'caller'), addresses));
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

/** Dials that ask to wake somebody, signed by one caller, from the first to the answer of the last: what one instance works off. */
async function dials(relay: Relay, url: string, caller: Account, to: readonly string[]): Promise<Result> {
  const count = ROUNDS * 50;
  const provider = nativeProvider();
  const keyRecord = await run(verifyRelayRecord(provider, relay.record));
  const issuedAt = Math.floor(Date.now() / 1000);
  const keys = { signKey: caller.device.signKey, relay: activeSealKeys(keyRecord, issuedAt) };
  const draft = { from: 'caller', audience: 'r0', issuedAt, family: 'signal' as const, payload: new Uint8Array(128) };
  const sealed = sealSync(provider, draft, { signKey: keys.signKey, recipients: [caller.device.sealKey.publicKey] });
  const handIns: Uint8Array[] = [];
  for (let n = 0; n < count; n++) {
    const content = {
      ...{ relay: keyRecord.identity, sender: 'caller', receivers: [to[n % to.length] as string], issuedAt },
      ...{ nonce: provider.randomBytes(16).slice(), family: 'signal' as const, wake: new Uint8Array(0) },
    };
    handIns.push(await run(sealHandIn(provider, content, sealed, keys)));
  }
  const client = await mqtt.connectAsync(url);
  try {
    await client.subscribeAsync('nes/caller/relay');
    let answers = 0;
    const answered = new Promise<void>((resolve) => client.on('message', () => ++answers === count && resolve()));
    const start = performance.now();
    await Promise.all(handIns.map((bytes) => client.publishAsync('nes/relay/hand-in', Buffer.from(bytes), { qos: 1 })));
    await answered;
    const seconds = (performance.now() - start) / 1000;
    return { name: 'dials handed in, one instance', value: count / seconds, unit: 'per second' };
  } finally {
    await client.endAsync(true);
  }
}

/** Receivers that are registered and away. */
async function populate(directory: KeyProvider, count: number): Promise<string[]> {
  const addresses = Array.from({ length: count }, (_, n) => `r${n}`);
  for (const address of addresses) await settle(directory, address);
  return addresses;
}

/** Registers an account. */
async function settle({ app, url }: KeyProvider, address: string): Promise<Account> {
  const account = await run(createAccount(nativeProvider(), { address, now: Math.floor(Date.now() / 1000) }));
  const body = account.record.bytes as Uint8Array<ArrayBuffer>;
  const answer = await app(new Request(`${url}/v1/keys/${address}`, { method: 'PUT', body }));
  if (!answer.ok) throw new TypeError(await answer.text());
  return account;
}
