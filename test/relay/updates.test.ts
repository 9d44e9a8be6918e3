import { expect, test } from 'vitest';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { fromBase64url } from '../../src/bytes/base64url.js';
import type { Account } from '../../src/protocol/identity/index.js';
import {
  judgeUpdate,
  type KnownDevice,
  type Subscription,
  sealUpdate,
  type Update,
  type UpdateContent,
  updateTopic,
} from '../../src/protocol/relay/index.js';
import { openSubscriptions } from '../../src/server/relay/subscriptions.js';
import { native } from '../envelope/parties.js';
import { now } from '../identity/accounts.js';
import { createPushService } from './push-service.js';
import { createSite, handInAt, message, type Site, until } from './site.js';

const NOW = 1_900_000_000;
const NONCE = new Uint8Array(16).fill(7);

test.each<[string, Partial<Pick<Update, 'issuedAt' | 'nonce'> & { number: number }>, string]>([
  ['the next one', { number: 11 }, 'take'],
  ['the same again', {}, 'repeat'],
  ['the same again, an hour later', { issuedAt: NOW - 3600 }, 'repeat'],
  ['another one of the same number', { nonce: new Uint8Array(16) }, 'outdated'],
  ['an earlier one', { number: 9, nonce: new Uint8Array(16) }, 'outdated'],
  ['one from 301 seconds ago', { number: 11, issuedAt: NOW - 301 }, 'stale'],
  ['one from 301 seconds ahead', { number: 11, issuedAt: NOW + 301 }, 'stale'],
  ['one from 300 seconds ago', { number: 11, issuedAt: NOW - 300 }, 'take'],
])('%s is judged %s', (_which, changes, verdict) => {
  const known: KnownDevice = { number: 10, nonce: NONCE, takenAt: NOW };
  expect(judgeUpdate(known, { number: 10, nonce: NONCE, issuedAt: NOW, ...changes }, NOW)).toBe(verdict);
});

test('an update that is played again changes nothing, also after the subscription was taken back', async () => {
  const { site, bob, subscription, publish, answers, updated } = await scene();
  const first = updateOf(site, bob, { type: 'push', number: 1, subscription });
  await publish(first);
  await updated(1);
  await publish(updateOf(site, bob, { type: 'push', number: 2 }));
  await updated(2);
  // Word for word, by somebody who has it from the topic.
  await publish(first);
  await until(() => (answers.length === 3 ? true : undefined));
  expect(answers.map(({ refusal }) => refusal)).toEqual([undefined, undefined, 'outdated']);
  expect(await wakesFor(site, bob)).toBe(0);
});

test('nobody speaks for another’s device, nor another word for an update', async () => {
  const { site, alice, bob, subscription, publish } = await scene();
  const content = { type: 'push', number: 1, subscription } as const;
  // Alice in Bob's name; for another relay; a hand-in on the topic of updates, and the other way round.
  await publish(updateOf(site, alice, content, { sender: 'bob' }));
  await publish(updateOf(site, bob, content, { relay: new Uint8Array(32) }));
  const handIn = handInAt(site.record, bob, await message(bob, [alice]), { sender: 'bob', receivers: ['alice'] });
  await publish(handIn);
  await (await site.client()).publishAsync('nes/relay/hand-in', Buffer.from(updateOf(site, bob, content)), { qos: 1 });
  await until(() => (site.events.length === 4 ? true : undefined));
  const reasons = site.events.map((event) => ('reason' in event ? event.reason : event.type));
  expect(reasons.toSorted()).toEqual(['not-for-me', 'unknown-key', 'unverifiable', 'unverifiable']);
  expect(await wakesFor(site, bob)).toBe(0);
});

test('updates that come too often are refused, and then passed over', async () => {
  const { site, bob, subscription, publish, answers } = await scene();
  for (let number = 1; number <= 60; number++) {
    await publish(updateOf(site, bob, { type: 'push', number, subscription }));
  }
  await until(() => (site.events.length === 60 ? true : undefined));
  await until(() => (answers.some(({ refusal }) => refusal === 'rate-limited') ? true : undefined));
  expect(answers.length).toBeLessThan(60);
  expect(answers.find(({ refusal }) => refusal === 'rate-limited')?.retryAfter).toBeGreaterThan(0);
});

test('subscriptions are bounded: of an address, and in all', async () => {
  const subscription: Subscription = {
    ...{
      endpoint: 'https://push.example/x',
      p256dh: Uint8Array.of(4, ...new Uint8Array(64)),
      auth: new Uint8Array(16),
    },
  };
  let time = NOW;
  const subscriptions = await openSubscriptions(memoryStore(), 70, () => time);
  const enter = (address: string, device: string, number = 1) =>
    subscriptions.update({ ...{ address, device, number, nonce: NONCE, issuedAt: time }, subscription });
  for (let n = 0; n < 64; n++) expect(await enter('bob', `device${n}`)).toBe('take');
  expect(await enter('bob', 'device64')).toBe('full');
  for (let n = 0; n < 6; n++) expect(await enter(`user${n}`, 'phone')).toBe('take');
  expect(await enter('carol', 'phone')).toBe('full');
  // Whoever is known may still change it.
  expect(await enter('bob', 'device0', 2)).toBe('take');
  const gone = { address: 'bob', device: 'device1', number: 2, nonce: NONCE, issuedAt: time };
  expect(await subscriptions.update(gone)).toBe('take');
  expect(await subscriptions.of('bob')).toHaveLength(63);
  // Its number is remembered until nothing older can be in time.
  time += 600;
  await subscriptions.sweep();
  expect(await enter('carol', 'phone')).toBe('full');
  time += 100;
  await subscriptions.sweep();
  expect(await enter('carol', 'phone')).toBe('take');
});

interface Answered {
  readonly refusal?: string;
  readonly retryAfter?: number;
}

async function scene() {
  const service = await createPushService();
  const site = await createSite({ push: service.options });
  const [alice, bob] = [await site.settle('alice'), await site.settle('bob')];
  const { answers } = await site.visitor(bob);
  const client = await site.client();
  const { endpoint, keys } = service.subscribe();
  const [p256dh, auth] = [fromBase64url(keys?.p256dh ?? ''), fromBase64url(keys?.auth ?? '')];
  const subscription: Subscription = { endpoint, p256dh, auth };
  return {
    ...{ site, service, alice, bob, subscription, answers: answers as readonly Answered[] },
    publish: async (bytes: Uint8Array) => {
      await client.publishAsync(updateTopic('nes'), Buffer.from(bytes), { qos: 1 });
    },
    updated: (count: number) => until(() => (site.relay.counts.updated === count ? true : undefined)),
  };
}

function updateOf(
  { record }: Site,
  signer: Account,
  content: UpdateContent,
  changes: Partial<Update> = {},
): Uint8Array {
  const told = {
    ...{ relay: record.identity, sender: signer.record.address, issuedAt: Math.floor(Date.now() / 1000) },
    nonce: native.randomBytes(16).slice(),
  };
  const relay = record.devices.map(({ sealKey }) => sealKey);
  const update = { ...content, ...told, ...changes } as Update;
  return now(sealUpdate(native, update, { signKey: signer.device.signKey, relay }));
}

/** How many pushes a dial leads to. */
async function wakesFor(site: Site, bob: Account): Promise<number> {
  const carol = await site.settle('carol');
  const visitor = await site.visitor(carol);
  const dial = { sender: 'carol', receivers: ['bob'], family: 'signal' as const, wake: new Uint8Array(0) };
  await visitor.publish(handInAt(site.record, carol, await message(carol, [bob]), dial));
  await until(() => (visitor.answers.length > 0 ? true : undefined));
  await new Promise((resolve) => setTimeout(resolve, 600));
  return site.relay.counts.pushed + site.relay.counts.unwoken;
}
