import mqtt from 'mqtt';
import { expect, test } from 'vitest';
import { mqttTransport } from '../../src/adapters/mqtt/mqtt-transport.js';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { encodeCbor } from '../../src/bytes/cbor.js';
import { toMap } from '../../src/bytes/fields.js';
import { createSeen } from '../../src/client/seen.js';
import { encodeProtected, type HeaderMap } from '../../src/cose/header.js';
import { Claim, Header } from '../../src/cose/labels.js';
import { run } from '../../src/crypto/steps.js';
import { encodeControl } from '../../src/protocol/envelope/control.js';
import { seal } from '../../src/protocol/envelope/seal.js';
import { MAX_RANGES } from '../../src/protocol/envelope/sequence.js';
import {
  activeSealKeys,
  addDevice,
  createAccount,
  enterDevice,
  generateDeviceKeys,
  nextRecord,
} from '../../src/protocol/identity/index.js';
import { forge } from '../envelope/forgery.js';
import { native } from '../envelope/parties.js';
import { carelessDirectory } from './careless-directory.js';
import { claims, hearControls, liar, now, provider, publish, read, signKeyOf } from './liar.js';
import { tap } from './tapped.js';
import { closing, createWorld, next, take, until } from './world.js';

const timing = { receiptDelay: 20, gapDelay: 600_000, republishAfter: 600_000 };
const lasting = () => ({ ...memoryStore(), close: async () => {} });

test('what is replayed after the ranges are full is a duplicate, and so is what fills a gap that was given up', async () => {
  const world = await createWorld();
  const store = lasting();
  const bob = await world.join('bob', { timing, store });
  const mallory = await liar(world, 'mallory');
  const keys = { signKey: mallory.device.signKey, recipients: activeSealKeys(bob.record, now()) };
  const numbered = (seq: number) => seal(provider, { ...claims('mallory', 'bob'), seq }, keys);
  const first = await numbered(1);
  await publish(world, 'nes/bob/message', first);
  await take(bob, 1);
  await bob.close();
  // As if every second number had come, as often as there is room for.
  const odd = Array.from({ length: MAX_RANGES }, (_, i) => 2 * i + 1);
  const key = `seen/mallory/${mallory.device.id}/0000000000000001`;
  expect(await store.get(key)).toBeDefined();
  const value = encodeCbor(toMap({ start: 1, floor: 0, ranges: odd.flatMap((seq) => [seq, seq]) }));
  await store.batch([{ type: 'put', key, value }]);

  const again = await world.open('bob', { timing, store });
  const lost = next(again, 'lost');
  const further = [await numbered(2 * MAX_RANGES + 1), await numbered(2 * MAX_RANGES + 3)] as const;
  for (const message of further) await publish(world, 'nes/bob/message', message);
  expect((await take(again, 2)).map(({ seq }) => seq)).toEqual([2 * MAX_RANGES + 1, 2 * MAX_RANGES + 3]);
  expect(await lost).toMatchObject({ from: 'mallory', range: [2, 2], reason: 'too-many-gaps' });
  for (const replayed of [first, ...further, await numbered(2), first]) {
    const rejected = next(again, 'rejected');
    await publish(world, 'nes/bob/message', replayed);
    expect(await rejected).toEqual({ reason: 'duplicate', from: 'mallory' });
  }
  const numbering = { from: 'mallory', device: mallory.device.id, stream: 1 };
  expect((await createSeen(store).state(numbering))?.ranges).toHaveLength(MAX_RANGES);
});

test('the last sequence number there is opens and is asked for in pieces; one more does not decode', async () => {
  const world = await createWorld();
  const bob = await world.join('bob', { timing: { ...timing, gapDelay: 20 } });
  const mallory = await liar(world, 'mallory');
  const keys = { signKey: mallory.device.signKey, recipients: activeSealKeys(bob.record, now()) };
  const send = async (seq: number) =>
    publish(world, 'nes/bob/message', await seal(provider, { ...claims('mallory', 'bob'), seq }, keys));
  const heard = await hearControls(world, 'mallory', mallory.device.sealKey, signKeyOf(bob));
  const missing = next(bob, 'missing');
  await send(1);
  await send(Number.MAX_SAFE_INTEGER);
  expect((await take(bob, 2)).map(({ seq }) => seq)).toEqual([1, Number.MAX_SAFE_INTEGER]);
  expect((await missing).range).toEqual([2, Number.MAX_SAFE_INTEGER - 1]);
  const request = await until(() => heard.find((control) => control.kind === 'resend'));
  expect(request).toMatchObject({ ranges: [[2, 1025]] });

  const beyond = await forge({
    ...{ from: { ...mallory.device, address: 'mallory', provider: native }, audience: 'bob' },
    to: keys.recipients,
    changeClaims: (cwt) => cwt.set(Claim.iat, now()).set(Claim.cti, provider.randomBytes(16)),
    changeHeader: (header) => header.set(Header.seq, Number.MAX_SAFE_INTEGER).set(Header.stream, 1),
    encodeHeader: oneMore,
  });
  const rejected = next(bob, 'rejected');
  await publish(world, 'nes/bob/message', beyond);
  expect(await rejected).toMatchObject({ reason: 'malformed', error: { code: 'DECODE_CBOR' } });
  await send(2);
  expect((await take(bob, 1))[0]?.seq).toBe(2);
});

/** The header with 2^53 in the place of 2^53 − 1, which our encoder does not write. */
function oneMore(header: HeaderMap): Uint8Array {
  const bytes = encodeProtected(header);
  const at = Buffer.from(bytes).indexOf('1b001fffffffffffff', 'hex');
  expect(at).toBeGreaterThan(0);
  bytes.set(Buffer.from('1b0020000000000000', 'hex'), at);
  return bytes;
}

test.each(['the same identity', 'another identity'])(
  'a device that the directory slips in under %s after the send is given nothing',
  async (identity) => {
    const world = await createWorld();
    const directory = carelessDirectory();
    const wire = tap(world);
    const settings = { directory, timing, keyCache: { cooldown: 0 } };
    const alice = await world.join('alice', { ...settings, broker: wire.transport() });
    const bob = await run(createAccount(provider, { address: 'bob', now: now() }));
    await directory.publish('bob', bob.record.bytes);
    await (await alice.send('bob', 'for this device only')).published;
    const original = wire.to('nes/bob/message');
    const { stream } = await read(original[0]?.payload as Uint8Array, bob, signKeyOf(alice));

    const other = await run(createAccount(provider, { address: 'bob', now: now() }));
    const spy = await run(generateDeviceKeys(provider, 'X25519-Ed25519'));
    const entry = await run(enterDevice(provider, spy, bob.record, { notBefore: now() }));
    const slipped =
      identity === 'another identity'
        ? { record: other.record, device: other.device }
        : {
            record: await run(nextRecord(provider, bob.identityKey, bob.record, addDevice(entry), now())),
            device: spy,
          };
    await directory.publish('bob', slipped.record.bytes);
    const heard = await hearControls(world, 'bob', slipped.device.sealKey, signKeyOf(alice));
    const ask = async (device: typeof spy) => {
      const { seq: _, stream: __, ...unnumbered } = claims('bob', 'alice');
      const payload = encodeControl({
        kind: 'resend',
        device: alice.deviceId,
        stream: stream as number,
        ranges: [[1, 1]],
      });
      const keys = { signKey: device.signKey, recipients: activeSealKeys(alice.record, now()) };
      await publish(
        world,
        'nes/alice/control',
        await seal(provider, { ...unnumbered, family: 'control', payload }, keys),
      );
    };
    const skip = { kind: 'skip', stream, ranges: [[1, 1]], reason: 'not-recipient' };
    for (let asked = 1; asked <= 3; asked++) {
      await ask(slipped.device);
      await until(() => heard.length === asked || undefined);
    }
    expect(heard).toEqual([skip, skip, skip]);
    expect(wire.published.map(({ topic }) => topic)).toEqual(['nes/bob/message', ...Array(3).fill('nes/bob/control')]);
    if (identity === 'another identity') return;
    // The device that it was sealed to gets it again, as it was.
    await ask(bob.device);
    const again = await until(() => wire.to('nes/bob/message')[1]);
    expect(again.payload).toEqual(original[0]?.payload);
  },
);

test('a stranger with Bob’s address, but neither his keys nor his client id, gets nothing and takes nothing', async () => {
  const world = await createWorld();
  const store = lasting();
  const alice = await world.join('alice', { timing });
  const bob = await world.join('bob', { timing, store });
  await bob.close();
  const stranger = await world.open('bob', { timing });
  await expect(stranger.register()).rejects.toMatchObject({ code: 'DIRECTORY_CONFLICT' });
  const answer = await fetch(`${world.directory.url}/v1/keys/bob`, {
    method: 'PUT',
    body: stranger.record.bytes as Uint8Array<ArrayBuffer>,
  });
  expect(answer.status).toBe(409);

  const refused: unknown[] = [];
  stranger.on('rejected', (rejection) => refused.push(rejection));
  const sent = [];
  for (const text of ['one', 'two', 'three']) sent.push(await alice.send('bob', text));
  await until(() => refused.length === 3 || undefined);
  expect(refused).toEqual(Array(3).fill({ reason: 'not-for-me' }));
  await expect(stranger.send('alice', 'I am Bob')).rejects.toMatchObject({ code: 'STATE_NOT_REGISTERED' });
  expect(sent.flatMap(({ deliveredTo }) => deliveredTo)).toEqual([]);
  await stranger.close();

  const back = await world.open('bob', { timing, store });
  expect((await take(back, 3)).map(({ text }) => text)).toEqual(['one', 'two', 'three']);
  await Promise.all(sent.map(({ delivered }) => delivered));
  expect(sent.flatMap(({ deliveredTo }) => deliveredTo)).toEqual(Array(3).fill(bob.deviceId));
});

test('a stranger who has learnt Bob’s client id takes his queue, but can neither read it nor keep it from him', async () => {
  const world = await createWorld();
  const store = lasting();
  const clientId = 'bob-secret';
  const impatient = { ...timing, gapDelay: 50, republishAfter: 200 };
  const alice = await world.join('alice', { timing: impatient });
  const join = () => ({ timing: impatient, store, broker: mqttTransport({ broker: world.brokerUrl, clientId }) });
  const bob = await world.join('bob', join());
  await bob.close();
  const texts = ['one', 'two', 'three'];
  const sent = [];
  for (const text of texts) sent.push(await alice.send('bob', text));
  await Promise.all(sent.map(({ published }) => published));

  const stolen: Uint8Array[] = [];
  const stranger = mqtt.connect(world.brokerUrl, { clientId, clean: false });
  closing(() => stranger.endAsync(true));
  stranger.on('message', (topic, payload) => {
    if (topic === 'nes/bob/message') stolen.push(new Uint8Array(payload));
  });
  await until(() => stolen.length >= texts.length || undefined);
  const reader = await run(createAccount(provider, { address: 'bob', now: now() }));
  for (const bytes of stolen)
    await expect(read(bytes, reader, signKeyOf(alice))).rejects.toThrow('not opened: not-for-me');
  await stranger.endAsync();

  const back = await world.open('bob', join());
  expect((await take(back, 3)).map(({ text }) => text).toSorted()).toEqual(texts.toSorted());
  await Promise.all(sent.map(({ delivered }) => delivered));
  // Whoever holds the id puts the other one out, each time; nothing is lost by that.
  const intruder = mqtt.connect(world.brokerUrl, { clientId, clean: false, reconnectPeriod: 0 });
  closing(() => intruder.endAsync(true));
  await next(back, 'connection', ({ state }) => state === 'disconnected');
  await alice.send('bob', 'four');
  expect((await take(back, 1)).map(({ text }) => text)).toEqual(['four']);
});
