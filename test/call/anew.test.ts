import { describe, expect, test } from 'vitest';
import type { Messenger } from '../../src/client/messenger.js';
import { encodeCallControl, Stream } from '../../src/protocol/call/record.js';
import { now, secondDevice } from '../client/liar.js';
import { createWorld } from '../client/world.js';
import { MQTT, ringing } from './talking.js';
import { type Tamperer, tamperer } from './tamperer.js';

/** Longer than somebody who is asked may take to answer. */
const PATIENCE = 2_500;

/** Alice's device is composed by hand, so that it can be silent; Bob is in a call with it. */
async function scene() {
  const world = await createWorld();
  const bob = await world.join('bob', { calls: MQTT });
  const alice = await tamperer(world, 'alice', bob);
  return { world, bob, alice, ...(await call(alice, bob)) };
}

async function call(alice: Tamperer, bob: Messenger) {
  const incoming = ringing(bob);
  const theirs = await alice.dial();
  const accepting = (await incoming).accept();
  await theirs.takes('offer');
  await theirs.does({ kind: 'describe', now: Date.now() });
  await theirs.hello();
  return { theirs, ours: await accepting };
}

/** In the next second: the time of a dial has no parts of one. */
const later = () => ({ draft: { issuedAt: now() + 1 } });

describe('a device that was started anew in mid-call', () => {
  test('calls, and the line is not busy with the old call', async () => {
    const { bob, alice, ours } = await scene();
    const rings = ringing(bob);
    await alice.dial(later());
    expect((await rings).from.address).toBe('alice');
    expect(await ours.ended).toEqual({ reason: 'failed', by: 'us' });
  });

  test('is called, and we are not busy with the old call', async () => {
    const { bob, alice, ours } = await scene();
    const abort = new AbortController();
    const calling = bob.call('alice', { signal: abort.signal });
    await alice.hears('dial');
    expect(await ours.ended).toEqual({ reason: 'failed', by: 'us' });
    abort.abort();
    await expect(calling).rejects.toMatchObject({ code: 'CALL_ENDED' });
  });

  test('does not ring when it has given up meanwhile', async () => {
    const { bob, alice, ours } = await scene();
    let rang = 0;
    bob.on('call', () => rang++);
    const dial = await alice.dial(later());
    await dial.does({ kind: 'hangUp', reason: 'hangup' });
    await ours.ended;
    const rings = ringing(bob);
    await alice.dial(later());
    await rings;
    expect(rang).toBe(1);
  });
});

describe('a device that was started anew in mid-handshake', () => {
  /** Alice has called, or was called, and comes as far as `until` with Bob. */
  async function handshake(role: 'caller' | 'callee', far: 'offering' | 'connecting', issuedAt = now()) {
    const world = await createWorld();
    const bob = await world.join('bob', { calls: MQTT });
    const alice = await tamperer(world, 'alice', bob);
    if (role === 'callee') {
      const call = bob.call('alice').catch((error) => error.code);
      const ours = await alice.ring();
      await ours.does({ kind: 'accept', now: Date.now() });
      await alice.hears('answer');
      return { bob, alice, call };
    }
    const incoming = ringing(bob);
    const theirs = await alice.dial({ draft: { issuedAt } });
    const call = (await incoming).accept().catch((error) => error.code);
    await theirs.takes('offer');
    if (far === 'connecting') await theirs.does({ kind: 'describe', now: Date.now() });
    return { bob, alice, call };
  }

  test.each([
    ['caller', 'offering'],
    ['caller', 'connecting'],
    ['callee', 'connecting'],
  ] as const)(
    'as %s while the other side is %s calls again, and the line is not busy with its old call',
    async (role, far) => {
      const { bob, alice, call } = await handshake(role, far);
      const rings = ringing(bob);
      await alice.dial(later());
      expect((await rings).from.address).toBe('alice');
      expect(await call).toBe('CALL_FAILED');
    },
  );

  test.each([
    ['caller', 0],
    ['callee', -5],
  ] as const)('is none whose dial, as %s, is not from after what it has said', async (role, seconds) => {
    const issuedAt = now();
    const { alice, call } = await handshake(role, 'offering', issuedAt);
    let over = false;
    void call.then(() => {
      over = true;
    });
    await alice.dial({ draft: { issuedAt: issuedAt + seconds } });
    expect((await alice.hears('close')).frame.reason).toBe('busy');
    expect(over).toBe(false);
  });

  test('is nobody else: neither another device of the same person, nor somebody else', async () => {
    const world = await createWorld();
    const bob = await world.join('bob', { calls: MQTT });
    const [alice, carol] = [await tamperer(world, 'alice', bob), await tamperer(world, 'carol', bob)];
    const device = await secondDevice(world, alice.account);
    const laptop = await tamperer(world, 'alice', bob, { ...alice.account, device });
    const incoming = ringing(bob);
    const theirs = await alice.dial();
    const accepting = (await incoming).accept();
    await theirs.takes('offer');
    for (const other of [carol, laptop]) {
      await other.dial(later());
      expect((await other.hears('close')).frame.reason).toBe('busy');
    }
    await theirs.does({ kind: 'describe', now: Date.now() });
    await theirs.hello();
    expect((await accepting).path).toBe('mqtt');
  });
});

test('a device that is there is busy with the call that it is in', async () => {
  const { alice, theirs, ours } = await scene();
  let n = 1;
  const talking = setInterval(async () => {
    const content = encodeCallControl({ kind: 'ping', n: n++ });
    await alice.publish(await theirs.record(Stream.control, n, content));
  }, 100);
  await alice.dial(later());
  expect((await alice.hears('close')).frame.reason).toBe('busy');
  clearInterval(talking);
  expect(ours.path).toBe('mqtt');
});

test('nobody else puts a call to the question, nor does a dial from before it', async () => {
  const world = await createWorld();
  const bob = await world.join('bob', { calls: MQTT });
  const [alice, carol] = [await tamperer(world, 'alice', bob), await tamperer(world, 'carol', bob)];
  const device = await secondDevice(world, alice.account);
  const laptop = await tamperer(world, 'alice', bob, { ...alice.account, device });
  const { ours } = await call(alice, bob);
  await carol.dial(later());
  expect((await carol.hears('close')).frame.reason).toBe('busy');
  await laptop.dial(later());
  expect((await laptop.hears('close')).frame.reason).toBe('busy');
  await alice.dial({ draft: { issuedAt: now() - 30 } });
  expect((await alice.hears('close')).frame.reason).toBe('busy');
  await new Promise((resolve) => setTimeout(resolve, PATIENCE));
  expect(ours.path).toBe('mqtt');
  await ours.send('still here');
});
