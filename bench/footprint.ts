/** Memory of many messengers and after many messages, and bytes on disk. One process; the broker is in memory. */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Level } from 'level';
import { type KeyDirectory, Messenger, memoryStore, staticDirectory } from 'sealmq';
import { nativeProvider } from 'sealmq/crypto';
import { SimulatedBroker } from 'sealmq/testing';
import type { Result } from './measure.js';

const MESSENGERS = 1000;
const MESSAGES = 100_000;
const STORED = 5000;

/** Sends on their way at a time. */
const WINDOW = 64;
const PAYLOAD = new Uint8Array(1024).fill(65);

export async function footprint(): Promise<Result[]> {
  return [...(await manyMessengers()), ...(await manyMessages()), ...(await onDisk())];
}

async function manyMessengers(): Promise<Result[]> {
  const { open, close } = await setting();
  await open('first');
  const before = memory();
  for (let i = 0; i < MESSENGERS; i++) await open(`user-${i}`);
  const each = (memory() - before) / MESSENGERS / 1024;
  await close();
  return [{ name: `memory of a messenger, ${MESSENGERS} in one process`, value: each, unit: 'KiB' }];
}

async function manyMessages(): Promise<Result[]> {
  const { open, close } = await setting();
  const [alice, bob] = [await open('alice'), await open('bob')];
  const through = exchange(alice, bob);
  await through(MESSAGES / 10);
  const early = memory();
  await through((MESSAGES / 10) * 9);
  const late = memory();
  await close();
  const mib = (bytes: number) => bytes / (1 << 20);
  return [
    {
      name: `memory after ${MESSAGES} messages`,
      value: mib(late),
      unit: 'MiB',
      beside: `after ${MESSAGES / 10}`,
      ratio: late / early,
    },
  ];
}

async function onDisk(): Promise<Result[]> {
  const { open, close } = await setting();
  const folder = mkdtempSync(join(tmpdir(), 'sealmq-bench-'));
  const stores = { alice: join(folder, 'alice'), bob: join(folder, 'bob') };
  const [alice, bob] = [await open('alice', stores.alice), await open('bob', stores.bob)];
  await exchange(alice, bob)(STORED);
  await close();
  const results: Result[] = [];
  for (const [role, name] of [
    ['sender', 'alice'],
    ['receiver', 'bob'],
  ] as const) {
    const before = bytesIn(stores[name]) / STORED;
    await compact(stores[name]);
    const after = bytesIn(stores[name]) / STORED;
    results.push({ name: `disk of the ${role} per message of 1 KiB, all settled`, value: before, unit: 'B' });
    results.push({ name: `disk of the ${role} per message, compacted`, value: after, unit: 'B' });
  }
  rmSync(folder, { recursive: true });
  return results;
}

/** A broker and a directory in memory, and messengers on them. */
async function setting() {
  const broker = new SimulatedBroker();
  const directory: KeyDirectory = await staticDirectory({ provider: nativeProvider() });
  const opened: Messenger[] = [];
  return {
    async open(address: string, store: string | ReturnType<typeof memoryStore> = memoryStore()): Promise<Messenger> {
      const messenger = await Messenger.open({ address, broker: broker.create(address), directory, store });
      await messenger.register();
      opened.push(messenger);
      return messenger;
    },
    close: () => Promise.all(opened.map((each) => each.close())),
  };
}

/** Sends messages and resolves when all are handled and receipted. */
function exchange(alice: Messenger, bob: Messenger): (count: number) => Promise<void> {
  let handled = 0;
  bob.on('message', async () => {
    handled++;
  });
  return async (count) => {
    const goal = handled + count;
    const sends = new Set<Promise<unknown>>();
    for (let i = 0; i < count; i++) {
      const send = alice.send('bob', PAYLOAD);
      sends.add(send);
      void send.finally(() => sends.delete(send));
      if (sends.size >= WINDOW) await Promise.race(sends);
    }
    while (handled < goal || alice.status().unreceipted > 0) await new Promise((resolve) => setTimeout(resolve, 50));
  };
}

/** Bytes in use after a collection, on the heap and beside it. */
function memory(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function bytesIn(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => statSync(join(folder, name)))
    .reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0);
}

/** What LevelDB does by itself in time. */
async function compact(folder: string): Promise<void> {
  const database = new Level<string, Uint8Array>(folder, { valueEncoding: 'view' });
  await database.open();
  await (database as unknown as { compactRange(from: string, to: string): Promise<void> }).compactRange('', '\uffff');
  await database.close();
}
