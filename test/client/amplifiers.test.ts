import { expect, test } from 'vitest';
import type { Messenger } from '../../src/client/messenger.js';
import { type Control, encodeControl } from '../../src/protocol/envelope/control.js';
import { seal } from '../../src/protocol/envelope/seal.js';
import { type Account, activeSealKeys } from '../../src/protocol/identity/index.js';
import { claims, liar, now, provider, read, signKeyOf } from './liar.js';
import { type Tap, tap } from './tapped.js';
import { createWorld, take, until } from './world.js';

const timing = { receiptDelay: 200, gapDelay: 600_000, republishAfter: 600_000 };

/** Alice, whose wire is tapped, and Mallory, who seals by hand. */
async function meet() {
  const world = await createWorld();
  const wire = tap(world);
  const alice = await world.join('alice', { timing, broker: wire.transport() });
  const mallory = await liar(world, 'mallory');
  const sealed = (draft: object) => {
    const keys = { signKey: mallory.device.signKey, recipients: activeSealKeys(alice.record, now()) };
    return seal(provider, { ...claims('mallory', 'alice'), ...draft }, keys);
  };
  const control = (content: Control) =>
    sealed({ family: 'control', seq: undefined, stream: undefined, payload: encodeControl(content) });
  return { ...{ world, wire, alice, mallory, sealed, control } };
}

/** Publishes `messages` as fast as the broker takes them; then waits until Alice has worked off everything. */
async function flood(
  { world, alice, sealed }: Awaited<ReturnType<typeof meet>>,
  family: 'message' | 'control',
  messages: readonly Uint8Array[],
): Promise<void> {
  const client = await world.client();
  const all = messages.map((bytes) => client.publishAsync(`nes/alice/${family}`, Buffer.from(bytes), { qos: 1 }));
  const marker = await sealed({ seq: 1_000_000, stream: Date.now() });
  await Promise.all([...all, client.publishAsync('nes/alice/message', Buffer.from(marker), { qos: 1 })]);
  await take(alice, 1);
}

/** Sends `count` messages that Mallory does not receipt. @returns Alice's numbering */
async function write(alice: Messenger, wire: Tap, mallory: Account, count: number): Promise<number> {
  const sent = [];
  for (let i = 0; i < count; i++) sent.push(await alice.send('mallory', String(i)));
  await Promise.all(sent.map(({ published }) => published));
  const first = wire.to('nes/mallory/message')[0]?.payload as Uint8Array;
  return (await read(first, mallory, signKeyOf(alice))).stream as number;
}

test('a flood of requests, asked or replayed, makes us publish no more than the token bucket allows', async () => {
  const meeting = await meet();
  const { alice, wire, mallory, control } = meeting;
  const count = 1200;
  const stream = await write(alice, wire, mallory, count);
  const originals = new Set(wire.published.map(({ payload }) => Buffer.from(payload).toString('hex')));
  expect(wire.published).toHaveLength(count);
  const began = performance.now();
  const resend = (range: readonly [number, number]) =>
    control({ kind: 'resend', device: alice.deviceId, stream, ranges: [range] });
  // What is kept, the rest of it, and a numbering that there never was, which is answered by a skip.
  const requests = await Promise.all([resend([1, 1000]), resend([1001, count])]);
  await flood(meeting, 'control', Array(100).fill(requests).flat());
  await until(() => wire.to('nes/mallory/message').length >= count + 1024 || undefined);
  const receipts = { device: alice.deviceId, stream, ranges: [] };
  const all = await control({ kind: 'receipt', ...receipts, from: 1, upTo: count });
  await flood(meeting, 'control', [all, ...Array(100).fill(requests).flat()]);
  const allowed = 1024 + ((performance.now() - began) / 1000) * 20;
  const again = wire.to('nes/mallory/message').slice(count);
  const skips = wire.to('nes/mallory/control');
  // The receipts of the two markers are no answers to requests.
  expect(again.length + skips.length).toBeLessThanOrEqual(allowed + 2);
  expect(again.length).toBeGreaterThanOrEqual(1024);
  for (const { payload } of again) expect(originals.has(Buffer.from(payload).toString('hex'))).toBe(true);
});

test('a flood of receipts that deny a message brings it again every two seconds at most', async () => {
  const meeting = await meet();
  const { alice, wire, mallory, control } = meeting;
  const stream = await write(alice, wire, mallory, 1);
  const began = performance.now();
  const denial = await control({ kind: 'receipt', device: alice.deviceId, stream, from: 2, upTo: 1, ranges: [] });
  await flood(meeting, 'control', Array(300).fill(denial));
  const again = await until(() => wire.to('nes/mallory/message').length - 1 || undefined);
  expect(again).toBeGreaterThanOrEqual(1);
  expect(again).toBeLessThanOrEqual(1 + (performance.now() - began) / 2000);
});

test('a flood of refusals starts three numberings at most, and is answered by nothing', async () => {
  const meeting = await meet();
  const { alice, wire, mallory, control } = meeting;
  const stream = await write(alice, wire, mallory, 1);
  const ahead = Date.now() + 100_000;
  const refuse = (stream: number, newest: number) =>
    control({ kind: 'refuse', device: alice.deviceId, stream, newest });
  const refusals = [await refuse(stream, ahead)];
  // Each refuses the numbering that the one before started.
  for (let i = 1; i < 10; i++) refusals.push(await refuse(ahead + i, ahead + i));
  await flood(meeting, 'control', refusals);
  expect(wire.to('nes/mallory/message')).toHaveLength(1);
  await (await alice.send('mallory', 'in which numbering?')).published;
  const latest = wire.to('nes/mallory/message')[1]?.payload as Uint8Array;
  expect((await read(latest, mallory, signKeyOf(alice))).stream).toBe(ahead + 3);
});

test('a refusal that names a time ahead, or another device, starts no numbering', async () => {
  const meeting = await meet();
  const { alice, wire, mallory, control } = meeting;
  const stream = await write(alice, wire, mallory, 1);
  const refuse = (device: string, newest: number) => control({ kind: 'refuse', device, stream, newest });
  // Of a numbering that lies ahead those who hear of it would call all that come after it stale.
  await flood(meeting, 'control', [
    await refuse(alice.deviceId, Date.now() + 3_600_000),
    await refuse(alice.deviceId, Number.MAX_SAFE_INTEGER),
    await refuse('a'.repeat(16), stream),
  ]);
  await (await alice.send('mallory', 'in which numbering?')).published;
  const latest = wire.to('nes/mallory/message')[1]?.payload as Uint8Array;
  expect((await read(latest, mallory, signKeyOf(alice))).stream).toBe(stream);
});

test('a flood of duplicates is answered by gathered receipts', async () => {
  const meeting = await meet();
  const { wire, sealed } = meeting;
  const began = performance.now();
  await flood(meeting, 'message', Array(500).fill(await sealed({ seq: 1 })));
  await until(() => wire.to('nes/mallory/control').length > 1 || undefined);
  // One numbering, and that of the marker.
  const allowed = 2 * (1 + (performance.now() - began) / timing.receiptDelay);
  expect(wire.published.length).toBeLessThanOrEqual(allowed);
});
