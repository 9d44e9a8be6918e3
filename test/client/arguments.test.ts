import { expect, onTestFinished, test, vi } from 'vitest';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { Messenger } from '../../src/client/messenger.js';
import { type MessengerOptions, withDefaults } from '../../src/client/options.js';
import type { JoinOptions } from '../../src/client/room/room.js';
import type { FrameOptions } from '../../src/client/room/sending.js';
import { createWorld, take } from './world.js';

/** What JavaScript, or a settings file, hands over in place of `T`. */
const as = <T>(value: unknown): T => value as T;

const refused = { code: 'USAGE_INVALID_ARGUMENT' };
const noAddress = { code: 'USAGE_INVALID_ADDRESS' };

const opened = (options: object) =>
  Messenger.open(
    as<MessengerOptions>({
      ...{ address: 'alice', broker: 'mqtt://127.0.0.1:1', directory: 'http://127.0.0.1:1', connect: 'background' },
      ...{ store: memoryStore(), ...options },
    }),
  );

test('a word that is not understood does not pass for the default', async () => {
  const wrong: readonly object[] = [
    { onKeyChange: 'Hold' },
    { receipts: 'contact' },
    { via: 'pigeon' },
    { durable: true },
    { connect: 'later' },
    { suite: 'ROT13' },
    { padding: -1 },
    { padding: 1.5 },
    { awaitReceipts: 'no' },
    { copies: 0 },
    { deviceName: 5 },
    { directoryKey: 5 },
    { maxPayloadBytes: Number.NaN },
    { limits: { outbox: { entries: -1 } } },
    { limits: { inbox: 5 } },
    { timing: { receiptDelay: '1' } },
    { quarantine: { directory: Number.NaN } },
    { keyCache: { max: 0 } },
    { will: 'bye' },
    { will: { to: 'bob', payload: 'x', expiresIn: Number.NaN } },
    { broker: undefined },
    { broker: [] },
    { directory: undefined },
    { directory: 5 },
  ];
  for (const options of wrong) await expect(opened(options), JSON.stringify(options)).rejects.toMatchObject(refused);
  await expect(opened({ address: undefined })).rejects.toMatchObject(noAddress);
  for (const nothing of [undefined, null, 5]) {
    await expect(Messenger.open(as<MessengerOptions>(nothing))).rejects.toMatchObject(refused);
  }
});

test.each([{ calls: { policy: 'Relay' } }, { will: { to: 'nobody at all', payload: 'bye' } }])(
  'what is refused leaves nothing running: %j',
  async (options) => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    onTestFinished(() => void vi.useRealTimers());
    await expect(opened(options)).rejects.toThrow();
    expect(vi.getTimerCount()).toBe(0);
  },
);

test('one bound of a queue leaves the other as it was', () => {
  const { limits } = withDefaults({
    ...{ address: 'alice', broker: 'mqtt://127.0.0.1:1', directory: 'http://127.0.0.1:1' },
    limits: { outbox: { entries: 2 } },
  });
  expect(limits.outbox).toEqual({ entries: 2, bytes: 64 * 1024 * 1024 });
});

test('each method of a messenger says what it cannot take', async () => {
  const world = await createWorld();
  const alice = await world.join('alice');
  await world.join('bob');
  for (const to of [null, undefined, 5, {}, '', 'Bob!', [5]]) {
    await expect(alice.send(as<string>(to), 'x'), String(to)).rejects.toMatchObject(noAddress);
  }
  await expect(alice.send([], 'x')).rejects.toMatchObject(refused);
  const options: readonly unknown[] = [
    null,
    { expiresIn: 0 },
    { expiresIn: -5 },
    { expiresIn: null },
    { expiresIn: '60' },
    { expiresIn: Number.POSITIVE_INFINITY },
    { contentType: 5 },
    { channel: 5 },
    { inReplyTo: 5 },
    { whenFull: 'drop' },
    { receipt: 'no' },
    { copy: 1 },
    { via: 'pigeon' },
  ];
  for (const each of options) {
    await expect(alice.send('bob', 'x', as(each)), JSON.stringify(each)).rejects.toMatchObject(refused);
  }
  for (const timeout of [-1, Number.NaN, '100']) {
    await expect(alice.request('bob', 'x', { timeout: as(timeout) })).rejects.toMatchObject(refused);
  }
  await expect(alice.setState('p', 1, as(undefined))).rejects.toMatchObject(refused);
  await expect(alice.setState('p', as(undefined), { to: 'bob' })).rejects.toMatchObject(refused);
  await expect(alice.setState('p', 1, { to: 'bob', expiresIn: Number.NaN })).rejects.toMatchObject(refused);
  await expect(alice.clearState('p', as(undefined))).rejects.toMatchObject(refused);
  await expect(alice.exportIdentity(as(5))).rejects.toMatchObject(refused);
  await expect(alice.devices.link(as(undefined))).rejects.toMatchObject(refused);
  expect(() => alice.on('message', as(5))).toThrow(expect.objectContaining(refused));
  expect(() => alice.on('missing', as(undefined))).toThrow(expect.objectContaining(refused));
  expect(() => alice.respond(as('x'))).toThrow(expect.objectContaining(refused));
});

test('a room says what it cannot take', async () => {
  const world = await createWorld();
  const alice = await world.join('alice');
  const joins: readonly unknown[] = [
    undefined,
    {},
    { admit: 'bob' },
    { roster: 'bob' },
    { admit: ['bob'], timing: { heartbeat: 'x' } },
    { admit: ['bob'], timing: { heartbeat: 0 } },
    { admit: ['bob'], timing: { silentAfter: 60_000 } },
    { admit: ['bob'], timing: { goneAfter: 20_000 } },
    { admit: ['bob'], timing: { heartbeat: 20_000 } },
    { admit: ['bob'], signatures: 'yes' },
    { admit: { creator: 'bob', invitation: 'zzz' } },
  ];
  for (const options of joins) {
    await expect(alice.joinRoom('r', as<JoinOptions>(options)), JSON.stringify(options)).rejects.toMatchObject(refused);
  }
  const room = await alice.joinRoom('r', { admit: ['bob'] });
  const payloads: readonly unknown[] = [undefined, 'hello', new ArrayBuffer(4), new Uint16Array(2)];
  for (const payload of payloads) await expect(room.send(as(payload))).rejects.toMatchObject(refused);
  for (const options of [null, { qos: 2 }, { qos: '1' }, { channel: 5 }]) {
    await expect(room.send(new Uint8Array(1), as<FrameOptions>(options))).rejects.toMatchObject(refused);
  }
  await expect(room.invite('bob', { expiresIn: Number.NaN })).rejects.toMatchObject(refused);
});

test('the bytes of a payload are the application’s again as soon as send was called', async () => {
  const world = await createWorld();
  const alice = await world.join('alice');
  const bob = await world.join('bob');
  const bytes = new Uint8Array([1, 2, 3]);
  const sent = alice.send('bob', bytes);
  bytes.fill(9);
  await sent;
  const [message] = await take(bob, 1);
  expect([...(message?.bytes ?? [])]).toEqual([1, 2, 3]);
});
