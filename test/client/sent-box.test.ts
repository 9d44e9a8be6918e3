import { expect, test } from 'vitest';
import { insistentStore } from '../../src/adapters/store/insistent-store.js';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { openSentBox } from '../../src/client/sent-box.js';
import type { PendingOperation } from '../../src/ports/store.js';

const DAY = 24 * 3600 * 1000;

async function boxAt(start: number) {
  const clock = { now: start };
  const store = insistentStore(memoryStore(), () => {});
  const context = {
    store,
    now: () => clock.now,
    commit: (operations: readonly PendingOperation[]) => store.batch([...operations]),
  };
  return { clock, context, box: await openSentBox(context) };
}

const entry = (seq: number, changes: { expiresAt?: number } = {}) => ({
  ...{ id: new Uint8Array(16), to: 'bob', topic: 'nes/bob/message', stream: 1, seq, devices: ['phone', 'tablet'] },
  ...{ sealed: new Uint8Array(10), ...changes },
});
const receipt = (upTo: number) => ({ kind: 'receipt' as const, device: 'mine', stream: 1, from: 1, upTo, ranges: [] });

test('a message is kept for devices that stay away until 30 days after the first had it', async () => {
  const { clock, context, box } = await boxAt(1000 * DAY);
  await context.commit([box.keep(entry(1)), box.keep(entry(2))]);
  clock.now += 100 * DAY;
  expect(await box.giveUp()).toEqual([]);
  await box.receipt('bob', 'phone', receipt(1));
  clock.now += 30 * DAY;
  expect(await box.giveUp()).toEqual([]);
  clock.now += 1;
  const [given, ...others] = await box.giveUp();
  expect(given).toMatchObject({ to: 'bob', seq: 1, outstanding: new Set(['tablet']) });
  expect(others).toEqual([]);
  expect(box.depth).toBe(1);
  expect((await openSentBox(context)).depth).toBe(1);
});

test('what has expired is given up', async () => {
  const { clock, context, box } = await boxAt(1000 * DAY);
  const expiresAt = (1000 * DAY) / 1000 + 60;
  await context.commit([box.keep(entry(1, { expiresAt })), box.keep(entry(2))]);
  clock.now += 60_000;
  expect((await box.giveUp()).map(({ seq }) => seq)).toEqual([1]);
});

test('a numbering that one device refuses goes on to the others', async () => {
  const { context, box } = await boxAt(1000 * DAY);
  await context.commit([box.keep(entry(1)), box.keep({ ...entry(1), stream: 2 })]);
  expect(await box.refused('bob', 'phone', 1)).toEqual([]);
  expect((await box.refused('bob', 'tablet', 1)).map(({ stream }) => stream)).toEqual([1]);
  expect(box.depth).toBe(1);
});

test('who has it and since when is remembered over a restart', async () => {
  const { clock, context, box } = await boxAt(1000 * DAY);
  await context.commit([box.keep(entry(1))]);
  await box.receipt('bob', 'phone', receipt(1));
  clock.now += 30 * DAY;
  const reopened = await openSentBox(context);
  expect(reopened.find('bob', 1, 1)).toMatchObject({
    outstanding: new Set(['tablet']),
    receipted: new Set(['phone']),
  });
  clock.now += 1;
  expect((await reopened.giveUp()).map(({ seq }) => seq)).toEqual([1]);
});

test('the receipt of a device that it was not sealed to says nothing', async () => {
  const { clock, context, box } = await boxAt(1000 * DAY);
  await context.commit([box.keep(entry(1))]);
  expect(await box.receipt('bob', 'slipped-in', receipt(1))).toEqual({ arrived: [], absent: [] });
  expect(box.find('bob', 1, 1)).toMatchObject({
    outstanding: new Set(['phone', 'tablet']),
    receipted: new Set(),
  });
  clock.now += 100 * DAY;
  expect(await box.giveUp()).toEqual([]);
});

test('a removed device is not waited for, over a restart as well; what is settled by it goes in one write', async () => {
  const { clock, context, box } = await boxAt(1000 * DAY);
  await context.commit([box.keep(entry(1)), box.keep(entry(2)), box.keep({ ...entry(3), devices: ['phone'] })]);
  await box.receipt('bob', 'tablet', receipt(1));
  let writes = 0;
  const { batch } = context.store;
  context.store.batch = (operations, options) => {
    writes++;
    return batch(operations, options);
  };
  const gone = new Set(['phone', 'stranger']);
  expect(await box.removed('carol', gone)).toEqual([]);
  expect((await box.removed('bob', gone)).map(({ seq }) => seq)).toEqual([1, 3]);
  expect(writes).toBe(1);
  const reopened = await openSentBox(context);
  expect(reopened.depth).toBe(1);
  const [kept] = reopened.all('bob');
  expect(kept).toMatchObject({ seq: 2, outstanding: new Set(['tablet']), removed: new Set(['phone']) });
  // Nobody has it yet.
  clock.now += 100 * DAY;
  expect(await reopened.giveUp()).toEqual([]);
  expect((await reopened.receipt('bob', 'tablet', receipt(2))).arrived).toHaveLength(1);
  expect((await openSentBox(context)).depth).toBe(0);
});

test('the receipt of a retired device that comes late counts', async () => {
  const { context, box } = await boxAt(1000 * DAY);
  await context.commit([box.keep(entry(1))]);
  await box.removed('bob', new Set(['phone']));
  expect((await box.receipt('bob', 'phone', receipt(1))).arrived).toHaveLength(1);
  expect(box.find('bob', 1, 1)).toMatchObject({ outstanding: new Set(['tablet']), receipted: new Set(['phone']) });
});
