import { expect, test } from 'vitest';
import { encryptContent, freshKey } from '../../src/protocol/envelope/encrypt-content.js';
import { addDevice, nextRecord, retireDevice, revokeDevice } from '../../src/protocol/identity/index.js';
import { encodeHandIn } from '../../src/protocol/relay/index.js';
import { sign } from '../../src/protocol/signed.js';
import { native } from '../envelope/parties.js';
import { device, now } from '../identity/accounts.js';
import { createSite, handInAt, message, publish, type Site, startRelay, until } from './site.js';

test('one hand-in, a copy in each queue, and a signed answer that names who is not registered', async () => {
  const site = await createSite();
  const [alice, bob, carol] = [await site.settle('alice'), await site.settle('bob'), await site.settle('carol')];
  const queues = [await site.listen('nes/bob/message'), await site.listen('nes/carol/message')];
  const visitor = await site.visitor(alice);
  const sealed = await message(alice, [bob, carol]);
  const before = Date.now();
  await visitor.publish(
    handInAt(site.record, alice, sealed, { sender: 'alice', receivers: ['bob', 'carol', 'nobody'] }),
  );
  const [answer] = await until(() => (visitor.answers.length > 0 ? visitor.answers : undefined));
  expect(answer?.refused).toEqual(new Map([['nobody', 'not-registered']]));
  expect(answer?.now).toBeGreaterThanOrEqual(before - 1000);
  expect(answer?.now).toBeLessThanOrEqual(Date.now() + 1000);
  await until(() => (queues.every((queue) => queue.length > 0) ? true : undefined));
  expect(queues).toEqual([[sealed], [sealed]]);
  expect(site.relay.counts).toMatchObject({ taken: 1, copies: 2, refused: 0, dropped: 0 });
});

test('a hand-in that comes again is answered again, and nobody gets a second copy', async () => {
  const { site, alice, sealed, visitor, queue } = await scene();
  const bytes = handInAt(site.record, alice, sealed, { sender: 'alice', receivers: ['bob'] });
  await visitor.publish(bytes);
  // Carol has it from the topic, and publishes it as if it were hers.
  const carol = await site.visitor(await site.settle('carol'));
  for (let n = 0; n < 5; n++) await carol.publish(bytes);
  await until(() => (site.events.length === 6 ? true : undefined));
  expect(site.relay.counts).toMatchObject({ taken: 1, copies: 1 });
  expect(queue).toHaveLength(1);
  await until(() => (visitor.answers.length === 4 ? true : undefined));
  expect(new Set(visitor.answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  expect(carol.answers).toEqual([]);
});

test.each<[string, (site: Site) => Promise<Uint8Array>, string]>([
  ['a stranger in Alice’s name', async (site) => forged(site, await site.settle('mallory')), 'unknown-key'],
  ['somebody who is not registered', async (site) => unregistered(site), 'unknown-sender'],
  ['a device that was revoked', async (site) => withDevice(site, revokeDevice), 'revoked'],
  ['bytes that are nothing', async () => Uint8Array.of(1, 2, 3), 'malformed'],
])('%s is not served, nor answered', async (_who, make, reason) => {
  const { site, visitor, queue } = await scene();
  await visitor.publish(await make(site));
  await until(() => (site.events.length > 0 ? true : undefined));
  expect(site.events).toEqual([{ type: 'dropped', reason }]);
  expect(queue).toEqual([]);
  expect(visitor.answers).toEqual([]);
});

test('a signature of Alice’s that was made for another purpose is none', async () => {
  const { site, alice, sealed, visitor } = await scene();
  const { identity, devices } = site.record;
  const times = { issuedAt: Math.floor(Date.now() / 1000), nonce: new Uint8Array(16) };
  const payload = encodeHandIn({
    ...{ relay: identity, sender: 'alice', receivers: ['bob'], ...times },
    message: native.sha256(sealed) as Uint8Array,
  });
  const content = {
    ...{ family: 'hand-in' as const, audience: 'relay', recipients: devices.map(({ sealKey }) => sealKey) },
    *plaintext() {
      return [yield* sign(native, alice.device.signKey, { purpose: 'card', payload }), sealed];
    },
  };
  await visitor.publish(now(encryptContent(native, { ...freshKey(native), ...content })));
  await until(() => (site.events.length > 0 ? true : undefined));
  expect(site.events).toEqual([{ type: 'dropped', reason: 'forged' }]);
});

test('a device that was retired a moment ago is served: what it sent was in flight', async () => {
  const { site, visitor } = await scene();
  await visitor.publish(await withDevice(site, retireDevice));
  await until(() => (site.relay.counts.taken === 1 ? true : undefined));
});

test('one that was issued at another time is refused, and told the relay’s time', async () => {
  const { site, alice, sealed, visitor, queue } = await scene();
  const issuedAt = Math.floor(Date.now() / 1000) - 3600;
  await visitor.publish(handInAt(site.record, alice, sealed, { sender: 'alice', receivers: ['bob'], issuedAt }));
  const [answer] = await until(() => (visitor.answers.length > 0 ? visitor.answers : undefined));
  expect(answer?.refusal).toBe('stale');
  expect(Math.abs((answer?.now ?? 0) - Date.now())).toBeLessThan(60_000);
  expect(queue).toEqual([]);
});

test('a flood of one sender is refused, and another sender goes on being served', async () => {
  const limits = { copies: { burst: 20, perSecond: 0.001 } };
  const { site, alice, bob, sealed, visitor, queue } = await scene({ limits });
  const others = await site.visitor(bob);
  for (let n = 0; n < 60; n++) {
    await visitor.publish(handInAt(site.record, alice, sealed, { sender: 'alice', receivers: ['bob'] }));
  }
  await others.publish(
    handInAt(site.record, bob, await message(bob, [alice]), { sender: 'bob', receivers: ['alice'] }),
  );
  await until(() => (site.events.length === 61 ? true : undefined));
  expect(queue).toHaveLength(20);
  await until(() => (others.answers.length === 1 ? true : undefined));
  // Ten refusals, and then silence.
  expect(visitor.answers.filter(({ refusal }) => refusal === 'rate-limited').length).toBeLessThanOrEqual(11);
});

test('more receivers or bytes than the relay takes are refused for good', async () => {
  const { site, alice, bob, sealed, visitor } = await scene({ limits: { receivers: 2, bytes: 4096 } });
  const receivers = ['bob', 'carol', 'dave'];
  await visitor.publish(handInAt(site.record, alice, sealed, { sender: 'alice', receivers }));
  const long = await message(alice, [bob], 'x'.repeat(8000));
  await visitor.publish(handInAt(site.record, alice, long, { sender: 'alice', receivers: ['bob'] }));
  await until(() => (visitor.answers.length === 2 ? true : undefined));
  expect(visitor.answers.map(({ refusal }) => refusal)).toEqual(['too-many-receivers', 'too-large']);
});

test('`wake` reaches whoever asked for it as it was signed, with those who got a copy', async () => {
  const requests: unknown[] = [];
  const { site, alice, sealed, visitor } = await scene({ onWake: (request) => void requests.push(request) });
  const wake = Uint8Array.of(1, 2, 3);
  const receivers = ['bob', 'nobody'];
  await visitor.publish(handInAt(site.record, alice, sealed, { sender: 'alice', receivers, wake, family: 'signal' }));
  await until(() => (requests.length > 0 ? true : undefined));
  expect(requests).toEqual([{ sender: 'alice', receivers: ['bob'], family: 'signal', wake }]);
});

test('two instances with the same keys serve side by side', async () => {
  const { site, alice, sealed, visitor } = await scene();
  const file = await site.relay.exportKeys('correct horse');
  const second = await startRelay(site, { keys: { file, passphrase: 'correct horse' } });
  expect(second.record).toEqual(site.relay.record);
  await site.relay.close();
  await visitor.publish(handInAt(site.record, alice, sealed, { sender: 'alice', receivers: ['bob'] }));
  await until(() => (visitor.answers.length > 0 ? true : undefined));
  expect(second.counts.taken).toBe(1);
});

test('nobody but the directory’s operator fills the reserved address', async () => {
  const { site } = await scene();
  const mine = { ...site.record, bytes: site.record.bytes };
  await expect(publish(site, mine)).rejects.toThrow('USAGE_INVALID_ADDRESS');
  const { record } = await site.settle('mallory');
  await expect(site.directory.publishRelay(record.bytes)).rejects.toMatchObject({ code: 'DECODE_RECORD' });
  const answer = await site.directory.app(new Request(`${site.directory.url}/v1/keys/relay`));
  expect(new Uint8Array(await answer.arrayBuffer())).toEqual(site.relay.record);
});

async function scene(options: Parameters<typeof createSite>[0] = {}) {
  const site = await createSite(options);
  const [alice, bob] = [await site.settle('alice'), await site.settle('bob')];
  const sealed = await message(alice, [bob]);
  return { site, alice, bob, sealed, visitor: await site.visitor(alice), queue: await site.listen('nes/bob/message') };
}

/** Alice's name, somebody else's key. */
async function forged({ record }: Site, mallory: Awaited<ReturnType<Site['settle']>>): Promise<Uint8Array> {
  return handInAt(record, mallory, await message(mallory, [mallory]), { sender: 'alice', receivers: ['bob'] });
}

async function unregistered(site: Site): Promise<Uint8Array> {
  const mallory = await site.settle('mallory');
  return handInAt(site.record, mallory, await message(mallory, [mallory]), { sender: 'eve', receivers: ['bob'] });
}

/** A hand-in of Dave by a device that is no longer his. */
async function withDevice(site: Site, end: typeof revokeDevice): Promise<Uint8Array> {
  const dave = await site.settle('dave');
  const at = dave.record.issuedAt;
  const other = device(dave, { notBefore: at });
  const second = now(nextRecord(native, dave.identityKey, dave.record, addDevice(other.entry), at));
  await publish(site, second);
  await publish(site, now(nextRecord(native, dave.identityKey, second, end(other.entry.id, at), at)));
  const signer = { ...dave, device: other.keys };
  return handInAt(site.record, signer, await message(signer, [dave]), { sender: 'dave', receivers: ['bob'] });
}
