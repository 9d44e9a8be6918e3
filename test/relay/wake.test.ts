import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Messenger } from '../../src/client/messenger.js';
import { decodeWakeNote, encodeWakeNote, MAX_NOTE_LENGTH } from '../../src/protocol/relay/index.js';
import type { RelayEvent, RelayOptions } from '../../src/server/relay/relay.js';
import { closing, createWorld, next, until, type World } from '../client/world.js';
import { createPushService, decryptPush, type PushService } from './push-service.js';
import { startRelay } from './site.js';

const BY_RELAY = { via: 'relay', calls: { rtc: false }, timing: { handInAgainAfter: 300 } } as const;

test('the push service of these tests decrypts the example of RFC 8291, section 5', () => {
  const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'base64url'));
  const body =
    'DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN';
  const keys = {
    privateKey: bytes('q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94'),
    auth: bytes('BTBZMqHH6r4Tts7J_aSIgg'),
  };
  expect(new TextDecoder().decode(decryptPush(bytes(body), keys))).toBe('When I grow up, I want to be a watermelon');
});

test.each(['the dial in the push', 'the dial that waits at the broker'])(
  'a call wakes who is away, and takes place: %s',
  async (way) => {
    const { world, service, alice, bob, store } = await scene();
    await bob.close();
    const calling = alice.call('bob');
    const [push] = await until(() => (service.received.length > 0 ? service.received : undefined));
    const { claims, content, headers, key } = push as NonNullable<typeof push>;
    // RFC 8292 §2: whom it is for, not longer than a day, whom to write to; RFC 8030 §5: how long, how urgent.
    expect(claims).toMatchObject({ aud: service.origin, sub: 'mailto:relay@example.org' });
    expect(Number(claims.exp) - Date.now() / 1000).toBeGreaterThan(0);
    expect(Number(claims.exp) - Date.now() / 1000).toBeLessThanOrEqual(24 * 3600);
    expect(key).toBe(await alice.pushKey());
    expect(headers).toMatchObject({ 'content-encoding': 'aes128gcm', urgency: 'high' });
    expect(Number(headers.ttl)).toBeGreaterThan(60);
    expect(Number(headers.ttl)).toBeLessThanOrEqual(90);
    // Text, and nothing in it that names anybody.
    expect(Buffer.from(textOf(content), 'base64url').toString('latin1')).not.toMatch(/alice|bob/);

    const woken = await world.open('bob', { ...BY_RELAY, store });
    const ringing = next(woken, 'call');
    if (way === 'the dial in the push') woken.wake(textOf(content));
    const taken = (await ringing).accept();
    const [a, b] = await Promise.all([calling, taken]);
    await a.send('are you awake?');
    for await (const { text } of b.messages()) {
      expect(text).toBe('are you awake?');
      break;
    }
    await a.hangUp();
    expect(service.requests).toHaveLength(1);
  },
);

test('who was woken leaves the call to another messenger, which takes it', async () => {
  const { world, service, alice, bob, store } = await scene();
  await bob.close();
  const calling = alice.call('bob');
  const [push] = await until(() => (service.received.length > 0 ? service.received : undefined));
  const worker = await world.open('bob', { ...BY_RELAY, store });
  const rang = next(worker, 'call');
  worker.wake(textOf((push as NonNullable<typeof push>).content));
  const incoming = await rang;
  const note = incoming.handOver();
  expect(await incoming.ended).toEqual({ reason: 'elsewhere', by: 'us' });
  expect(() => incoming.handOver()).toThrow(expect.objectContaining({ code: 'CALL_ENDED' }));
  await worker.close();

  const page = await world.open('bob', { ...BY_RELAY, store });
  const rings = next(page, 'call');
  page.wake(note);
  const [a, b] = await Promise.all([calling, (await rings).accept()]);
  expect(b.id).toBe(a.id);
  await a.hangUp();
});

test('who hears the dial is not woken; who is called by somebody that hangs up at once neither', async () => {
  const { service, relay, alice, bob } = await scene();
  const giveUp = new AbortController();
  const rang = next(bob, 'call');
  const calling = alice.call('bob', { signal: giveUp.signal });
  await rang;
  await passed(700);
  giveUp.abort();
  await expect(calling).rejects.toMatchObject({ code: 'CALL_ENDED' });
  await bob.close();
  const soon = new AbortController();
  const second = alice.call('bob', { signal: soon.signal });
  await until(() => (relay.counts.taken >= 3 ? true : undefined));
  soon.abort();
  await expect(second).rejects.toMatchObject({ code: 'CALL_ENDED' });
  await passed(700);
  expect(service.requests).toEqual([]);
});

test('a device that is there hears it while another one that is away is woken', async () => {
  const world = await createWorld();
  const service = await createPushService();
  await startRelay(world, { push: service.options });
  const alice = await world.join('alice', BY_RELAY);
  const phone = await world.join('bob', BY_RELAY);
  const file = await phone.exportIdentity('correct horse');
  const laptop = await world.join('bob', { ...BY_RELAY, identity: { file, passphrase: 'correct horse' } });
  const [away, there] = [service.subscribe(), service.subscribe()];
  await phone.updatePush(away);
  await laptop.updatePush(there);
  await phone.close();
  const rang = next(laptop, 'call');
  await callAndGiveUp(alice, async () => {
    await rang;
    await until(() => (service.received.length > 0 ? true : undefined));
  });
  expect(service.requests.map((path) => service.origin + path)).toEqual([away.endpoint]);
});

test.each([404, 410])('a subscription that the push service has forgotten (%i) is not used again', async (status) => {
  const { service, relay, events, alice, bob } = await scene();
  await bob.close();
  service.answers = [{ status }];
  for (const count of [1, 2]) {
    await callAndGiveUp(alice, () =>
      until(() => (relay.counts.taken >= 2 * count - 1 ? passed(700).then(() => true) : undefined)),
    );
  }
  expect(events.filter(({ type }) => type === 'unwoken')).toEqual([{ type: 'unwoken', reason: 'gone' }]);
  expect(service.requests).toHaveLength(1);
});

test('a push service that is busy is asked again when it says so, and one that fails a little later', async () => {
  const { service, alice, bob } = await scene();
  await bob.close();
  service.answers = [{ status: 429, headers: { 'Retry-After': '1' } }, { status: 503 }];
  const start = performance.now();
  await callAndGiveUp(alice, () => until(() => (service.received.length > 0 ? true : undefined)));
  expect(service.requests).toHaveLength(3);
  expect(performance.now() - start).toBeGreaterThan(900);
});

test.each(['0', new Date(0).toUTCString()])(
  'one that is busy, and asks for no pause (%s), gets one',
  async (retryAfter) => {
    const { service, alice, bob } = await scene({ againAfter: 300 });
    await bob.close();
    const busy = { status: 429, headers: { 'Retry-After': retryAfter } };
    service.answers = Array.from({ length: 1_000 }, () => busy);
    await callAndGiveUp(alice, () =>
      until(() => (service.requests.length > 0 ? passed(700).then(() => true) : undefined)),
    );
    // After 300 and 600 milliseconds, at the earliest.
    expect(service.requests.length).toBeLessThan(4);
  },
);

test('a push service that wants more time than a call has is left alone', async () => {
  const { service, events, alice, bob } = await scene();
  await bob.close();
  service.answers = [{ status: 429, headers: { 'Retry-After': '3600' } }];
  await callAndGiveUp(alice, () => until(() => events.find(({ type }) => type === 'unwoken')));
  await callAndGiveUp(alice, () => until(() => events.filter(({ type }) => type === 'unwoken')[1]));
  expect(service.requests).toHaveLength(1);
  expect(events.filter(({ type }) => type === 'unwoken')).toEqual([
    { type: 'unwoken', reason: 'unreachable' },
    { type: 'unwoken', reason: 'unreachable' },
  ]);
});

test('a redirect is not followed', async () => {
  const elsewhere = await createPushService();
  const { service, events, alice, bob } = await scene();
  await bob.close();
  service.answers = [{ status: 307, headers: { Location: `${elsewhere.origin}/push/x` } }];
  await callAndGiveUp(alice, () => until(() => events.find(({ type }) => type === 'unwoken')));
  expect(events.find(({ type }) => type === 'unwoken')).toEqual({ type: 'unwoken', reason: 'refused' });
  expect(elsewhere.requests).toEqual([]);
});

test('a host that leads into a private network is not pushed to', async () => {
  const { service, events, alice, bob } = await scene({ privateNetworks: false });
  await bob.close();
  await callAndGiveUp(alice, () => until(() => events.find(({ type }) => type === 'unwoken')));
  expect(events.find(({ type }) => type === 'unwoken')).toEqual({ type: 'unwoken', reason: 'refused' });
  expect(service.requests).toEqual([]);
});

test('a subscription that has expired, or was taken back, is not used', async () => {
  const { service, relay, alice, bob } = await scene();
  await bob.updatePush(null);
  await callAndGiveUp(alice, () => passed(700));
  await bob.updatePush({ ...service.subscribe(), expirationTime: Date.now() + 1000 });
  await bob.close();
  await passed(1500);
  await callAndGiveUp(alice, () => passed(700));
  expect(relay.counts).toMatchObject({ updated: 3, pushed: 0, unwoken: 0 });
  expect(service.requests).toEqual([]);
});

test('a flood of dials wakes a few times only', async () => {
  const { service, relay, alice, bob } = await scene({ after: 1 });
  await bob.close();
  for (let n = 0; n < 12; n++) {
    const woken = service.requests.length + Number(relay.counts.unwoken);
    await callAndGiveUp(alice, () =>
      until(() => (service.requests.length + Number(relay.counts.unwoken) > woken ? true : undefined)),
    );
  }
  expect(service.requests.length).toBeGreaterThanOrEqual(5);
  expect(service.requests.length).toBeLessThan(9);
});

test('the relay keeps its key and the subscriptions over a restart', async () => {
  const data = await temporaryFolder();
  const { world, service, relay, alice, bob } = await scene({}, { data });
  const key = await alice.pushKey();
  await bob.close();
  await relay.close();
  await startRelay(world, { data, push: service.options });
  await callAndGiveUp(alice, () => until(() => (service.received.length > 0 ? true : undefined)));
  expect(service.received[0]?.key).toBe(key);
});

test('a push service that the relay does not push to any more is left alone', async () => {
  const data = await temporaryFolder();
  const { world, service, relay, alice, bob } = await scene({}, { data });
  await bob.close();
  await relay.close();
  const events: RelayEvent[] = [];
  const push = { ...service.options, hosts: ['push.example'] };
  await startRelay(world, { data, push, log: (event) => void events.push(event) });
  await callAndGiveUp(alice, () => until(() => events.find(({ type }) => type === 'unwoken')));
  expect(events).toContainEqual({ type: 'unwoken', reason: 'refused' });
  expect(service.requests).toEqual([]);
});

test('a relay that wakes nobody, or does not push there, says so', async () => {
  const world = await createWorld();
  const service = await createPushService();
  await startRelay(world);
  const alice = await world.join('alice', BY_RELAY);
  await expect(alice.pushKey()).rejects.toMatchObject({ code: 'TRANSPORT_REFUSED' });
  await expect(alice.updatePush(service.subscribe())).rejects.toMatchObject({ code: 'TRANSPORT_REFUSED' });
  const { bob } = await scene();
  const elsewhere = { ...service.subscribe(), endpoint: 'https://localhost:1/push' };
  await expect(bob.updatePush(elsewhere)).rejects.toMatchObject({ code: 'TRANSPORT_REFUSED' });
  const noPoint = {
    ...service.subscribe(),
    keys: { p256dh: Buffer.alloc(65, 4).toString('base64url'), auth: 'A'.repeat(22) },
  };
  await expect(bob.updatePush(noPoint)).rejects.toMatchObject({ code: 'TRANSPORT_REFUSED' });
  for (const wrong of [
    { ...service.subscribe(), endpoint: 'http://x' },
    { ...service.subscribe(), keys: {} },
  ]) {
    await expect(bob.updatePush(wrong)).rejects.toMatchObject({ code: 'USAGE_INVALID_ARGUMENT' });
  }
});

test('what a push brings is a note, or refused', async () => {
  const { bob } = await scene();
  for (const wrong of ['AQID', 'not base64url', '']) {
    expect(() => bob.wake(wrong)).toThrow(expect.objectContaining({ code: 'DECODE_CBOR' }));
  }
  expect(() => bob.wake('A'.repeat(2 ** 22))).toThrow(expect.objectContaining({ code: 'DECODE_TOO_LARGE' }));
  expect(decodeWakeNote(Buffer.from('a16474797065646361' + '6c6c', 'hex').toString('base64url'))).toEqual({
    type: 'call',
  });
  // A dial to very many devices fits into no push, and yet into what is handed over.
  const dial = new Uint8Array(30_000).fill(7);
  expect(decodeWakeNote(encodeWakeNote(dial))).toEqual({ type: 'call' });
  expect(decodeWakeNote(encodeWakeNote(dial, MAX_NOTE_LENGTH))).toEqual({ type: 'call', dial });
});

const textOf = (content: Uint8Array) => new TextDecoder('utf-8', { fatal: true }).decode(content);

/** Alice, and Bob, who can be woken, at a relay that does. */
async function scene(push: Parameters<typeof createPushService>[0] = {}, options: Partial<RelayOptions> = {}) {
  const world: World = await createWorld();
  const service: PushService = await createPushService(push);
  const events: RelayEvent[] = [];
  const log = (event: RelayEvent) => void events.push(event);
  const relay = await startRelay(world, { push: service.options, log, ...options });
  const store = await temporaryFolder();
  const [alice, bob] = [await world.join('alice', BY_RELAY), await world.join('bob', { ...BY_RELAY, store })];
  expect(await alice.pushKey()).toMatch(/^B[\w-]{86}$/);
  await bob.updatePush(service.subscribe());
  return { world, service, relay, events, alice, bob, store };
}

/** Alice calls Bob until `moment` has come. */
async function callAndGiveUp(alice: Messenger, moment: () => Promise<unknown>): Promise<void> {
  const giveUp = new AbortController();
  const calling = alice.call('bob', { signal: giveUp.signal });
  calling.catch(() => {});
  await moment();
  giveUp.abort();
  await expect(calling).rejects.toMatchObject({ code: 'CALL_ENDED' });
}

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sealmq-wake-'));
  closing(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

function passed(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
