import { expect, test } from 'vitest';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import type { Messenger } from '../../src/client/messenger.js';
import { run } from '../../src/crypto/steps.js';
import { type Control, encodeControl } from '../../src/protocol/envelope/control.js';
import { seal } from '../../src/protocol/envelope/seal.js';
import { type Account, activeSealKeys, createAccount } from '../../src/protocol/identity/index.js';
import { claims, liar, now, provider } from './liar.js';
import { tap } from './tapped.js';
import { createWorld, until, type World } from './world.js';

const timing = { receiptDelay: 20, gapDelay: 20, republishAfter: 600_000 };
const quarantine = { retryAfter: 20, unknownKeys: 50 };
const ALICE = 'nes/alice';

/** Everything that asks for an answer: messages with a gap, doubled and of an old numbering, a will, every control message. */
async function provoke(world: World, alice: Messenger, mallory: Account): Promise<void> {
  const keys = { signKey: mallory.device.signKey, recipients: activeSealKeys(alice.record, now()) };
  const mallorys = claims('mallory', 'alice');
  const client = await world.client();
  const publish = async (family: 'message' | 'control' | 'will', draft: object) => {
    const sealed = await seal(provider, { ...mallorys, ...draft, family }, keys);
    await client.publishAsync(`${ALICE}/${family}`, Buffer.from(sealed), { qos: 1 });
  };
  for (const numbers of [{ seq: 1 }, { seq: 4 }, { seq: 4 }, { seq: 9, stream: 2 }, { seq: 2, stream: 0 }]) {
    await publish('message', numbers);
  }
  const unnumbered = { seq: undefined, stream: undefined };
  const mine = { device: alice.deviceId, stream: 1 };
  const controls: Control[] = [
    { kind: 'receipt', ...mine, from: 5, upTo: 9, ranges: [] },
    { kind: 'resend', ...mine, ranges: [[1, 9]] },
    { kind: 'refuse', ...mine, newest: 1 },
    { kind: 'skip', stream: 1, ranges: [[2, 3]], reason: 'gone' },
    { kind: 'withdraw', version: 7 },
    { kind: 'record', record: mallory.record.bytes },
  ];
  for (const control of controls) await publish('control', { ...unnumbered, payload: encodeControl(control) });
  await publish('will', { ...unnumbered, version: 8 });
}

test.each([
  { who: 'a stranger', told: false },
  { who: 'somebody who is blocked', told: false },
  { who: 'no contact, where receipts are for contacts', told: false },
  { who: 'a contact', told: true },
])('$who learns that we are here: $told', async ({ who, told }) => {
  const world = await createWorld();
  const wire = tap(world);
  const receipts = who.startsWith('no contact') ? ('contacts' as const) : ('all' as const);
  const settings = { ...{ timing, quarantine, receipts }, store: { ...memoryStore(), close: async () => {} } };
  let alice = await world.join('alice', { ...settings, broker: wire.transport() });
  const zoe = await world.join('zoe', { timing });
  await alice.contacts.add('zoe');
  const isStranger = who === 'a stranger';
  const mallory = isStranger
    ? await run(createAccount(provider, { address: 'mallory', now: now() }))
    : await liar(world, 'mallory');
  if (who === 'somebody who is blocked') await alice.contacts.block('mallory');
  if (who === 'a contact') await alice.contacts.add('mallory');

  // Zoe comes after Mallory, in time and in the order of addresses: when she is answered, Mallory would have been.
  const settle = async () => {
    await until(() => alice.status().quarantine === 0 || undefined);
    await (await zoe.send('alice', 'are you there?')).delivered;
  };
  const others = () => wire.published.filter(({ topic }) => topic !== 'nes/zoe/control');
  await provoke(world, alice, mallory);
  await settle();
  expect(others().length > 0).toBe(told);

  // Another session: the broker has forgotten her, so everybody who is to hear of her hears at once.
  await alice.close();
  const [before, quiet] = [others().length, wire.to('nes/zoe/control').length];
  await provoke(world, alice, mallory);
  alice = await world.open('alice', { ...settings, broker: wire.transport() });
  await until(() => wire.to('nes/zoe/control').length > quiet || undefined);
  await provoke(world, alice, mallory);
  await settle();
  expect(others().length > before).toBe(told);
  expect(new Set(others().map(({ topic }) => topic))).toEqual(new Set(told ? ['nes/mallory/control'] : []));
});
