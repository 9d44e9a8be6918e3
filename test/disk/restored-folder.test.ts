import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Messenger } from '../../src/client/messenger.js';
import { closing, createWorld, until } from '../client/world.js';

const timing = { receiptDelay: 20, gapDelay: 30, republishAfter: 100 };

/** How a back-up comes back: in place of the newer folder, or its files over those that are there. */
const RESTORE = {
  replaced: async (backup: string, folder: string) => {
    await rm(folder, { recursive: true });
    await cp(backup, folder, { recursive: true });
  },
  overlaid: (backup: string, folder: string) => cp(backup, folder, { recursive: true }),
};
const ways = Object.keys(RESTORE) as (keyof typeof RESTORE)[];

async function folders() {
  const parent = await mkdtemp(join(tmpdir(), 'sealmq-restored-'));
  closing(() => rm(parent, { recursive: true, force: true }));
  return { store: join(parent, 'state'), backup: join(parent, 'backup') };
}

function hear(messenger: Messenger): string[] {
  const heard: string[] = [];
  messenger.on('message', ({ text }) => void heard.push(text));
  return heard;
}

/** Sends it until it is delivered, as an application does that is told `STATE_OUTDATED`. @returns how often */
async function sendInsistently(alice: Messenger, text: string): Promise<number> {
  for (let tries = 1; ; tries++) {
    const { delivered } = await alice.send('bob', text);
    const error = await delivered.then(
      () => undefined,
      (reason: { code: string }) => reason,
    );
    if (!error) return tries;
    expect(error.code).toBe('STATE_OUTDATED');
  }
}

test.each(ways)(
  'the folder of a sender is %s by an old copy: same account, nothing twice, a new numbering',
  async (way) => {
    const world = await createWorld();
    const { store, backup } = await folders();
    const heard = hear(await world.join('bob', { timing }));
    const first = await world.join('alice', { timing, store });
    const { record, deviceId } = first;
    await (await first.send('bob', 'one')).delivered;
    await first.close();
    await cp(store, backup, { recursive: true });
    const newer = await world.open('alice', { timing, store });
    for (const text of ['two', 'three']) await (await newer.send('bob', text)).delivered;
    await newer.close();

    await RESTORE[way](backup, store);
    const old = await world.open('alice', { timing, store });
    expect([old.record.identity, old.deviceId]).toEqual([record.identity, deviceId]);
    const tries = await sendInsistently(old, 'four');
    if (way === 'replaced') expect(tries).toBeGreaterThan(1);
    await (await old.send('bob', 'five')).delivered;
    await until(() => heard.length >= 5 || undefined);
    expect(heard).toEqual(['one', 'two', 'three', 'four', 'five']);
    expect(old.status()).toMatchObject({ outbox: 0, unreceipted: 0 });
    // What was healed stays so.
    await old.close();
    const again = await world.open('alice', { timing, store });
    await (await again.send('bob', 'six')).delivered;
    expect(await until(() => heard[5])).toBe('six');
  },
);

test.each(ways)('the folder of a receiver is %s by an old copy: it says what it has lost, and goes on', async (way) => {
  const world = await createWorld();
  const { store, backup } = await folders();
  const first = await world.join('bob', { timing, store });
  const { record, deviceId } = first;
  const alice = await world.join('alice', { timing });
  const heard = hear(first);
  await (await alice.send('bob', 'one')).delivered;
  await until(() => (heard.length === 1 && first.status().opened === 0) || undefined);
  await first.close();
  await cp(store, backup, { recursive: true });
  const newer = await world.open('bob', { timing, store });
  const heardLater = hear(newer);
  for (const text of ['two', 'three']) await (await alice.send('bob', text)).delivered;
  await until(() => (heardLater.length === 2 && newer.status().opened === 0) || undefined);
  await newer.close();

  await RESTORE[way](backup, store);
  const old = await world.open('bob', { timing, store });
  expect([old.record.identity, old.deviceId]).toEqual([record.identity, deviceId]);
  const lost: number[] = [];
  old.on('lost', ({ from, range, reason }) => {
    expect([from, reason]).toEqual(['alice', 'gone']);
    for (let seq = range[0]; seq <= range[1]; seq++) lost.push(seq);
  });
  const heardAtLast = hear(old);
  await (await alice.send('bob', 'four')).delivered;
  // Alice has their receipts, and keeps them no longer; files that are newer than the copy may know them still.
  if (way === 'replaced') await until(() => lost.length === 2 || undefined);
  await until(() => heardAtLast.length > 0 || undefined);
  expect(heardAtLast).toEqual(['four']);
  if (way === 'replaced') expect(lost).toEqual([2, 3]);
  expect(alice.status()).toMatchObject({ outbox: 0, unreceipted: 0 });
});
