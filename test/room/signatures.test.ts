import { afterEach, describe, expect, test } from 'vitest';
import { nativeProvider } from '../../src/crypto/native.js';
import { atOnce, run } from '../../src/crypto/steps.js';
import { encodeFrames } from '../../src/protocol/room/frame-batch.js';
import { signFrame } from '../../src/protocol/room/frame-signature.js';
import { type FrameKind, frameMetadata } from '../../src/protocol/room/room-frame.js';
import type { SenderKey } from '../../src/protocol/room/sender-key.js';
import { openFrame, sealFrame } from '../../src/protocol/room/sframe.js';
import { type Simulated, Simulation } from './simulation.js';

const provider = nativeProvider();
const admit = ['alice', 'bob', 'eve'];
let simulation: Simulation;

afterEach(() => simulation.end());

/** Alice, Bob, and Eve, who is a member like them and holds everybody's keys. */
async function room(signatures: boolean) {
  simulation = new Simulation(1);
  simulation.recording = true;
  const join = (name: string) => simulation.join(name, { admit, signatures });
  const [alice, bob, eve] = [await join('alice'), await join('bob'), await join('eve')];
  expect(await simulation.settle(10_000)).toBe(true);
  return { alice, bob, eve };
}

/** Alice's key, as Eve holds it. */
function stolen(eve: Simulated, alice: Simulated): SenderKey {
  return eve.session.members.get(alice.device)?.ring.held.at(-1)?.key as SenderKey;
}

function origin(alice: Simulated, kind: FrameKind = 'frame') {
  return { room: 'storm', kind, address: 'alice', device: alice.device };
}

/** What Eve makes under Alice's key, put onto Alice's topic. */
async function forge(
  { frameKey }: SenderKey,
  ctr: number,
  alice: Simulated,
  plaintext: Uint8Array | readonly Uint8Array[],
  kind: FrameKind = 'frame',
): Promise<void> {
  const metadata = frameMetadata(origin(alice, kind));
  const bytes = atOnce(run(sealFrame(provider, frameKey, BigInt(ctr), metadata, plaintext)));
  simulation.inject({ place: { kind, device: alice.device }, bytes });
  await simulation.time.pass(100);
}

/** The plaintext of Alice's last frame, signature and all, as every member can read it. */
function lastOf(alice: Simulated, { frameKey }: SenderKey): Uint8Array {
  const place = (kind: string, device?: string) => kind === 'frame' && device === alice.device;
  const last = simulation.published.findLast(({ place: at }) => place(at.kind, 'device' in at ? at.device : undefined));
  return atOnce(
    run(openFrame(provider, frameKey, frameMetadata(origin(alice)), last?.bytes as Uint8Array)),
  ) as Uint8Array;
}

const said = (...bodies: string[]) => encodeFrames(bodies.map((body) => ({ payload: new TextEncoder().encode(body) })));

test('by default a member can write in the name of another: all hold the keys of all', async () => {
  const { alice, bob, eve } = await room(false);
  await forge(stolen(eve, alice), 900, alice, said('not mine'));
  expect(bob.frames).toEqual(['alice not mine']);
});

describe('with signatures', () => {
  test('frames go through as ever', async () => {
    const { alice, bob, eve } = await room(true);
    await simulation.send(alice, 'one');
    await simulation.send(alice, 'two');
    await simulation.time.pass(30_000);
    for (const one of [bob, eve]) {
      expect(one.frames).toEqual(['alice one', 'alice two']);
      expect(one.undecryptable).toEqual([]);
      expect(one.session.view().every(({ silent }) => !silent)).toBe(true);
    }
  });

  test('a frame that another member made under my key is caught, and takes no counter from mine', async () => {
    const { alice, bob, eve } = await room(true);
    const key = stolen(eve, alice);
    await simulation.send(alice, 'one');
    await simulation.time.pass(100);
    const place = { ...origin(alice), since: alice.since, kid: key.kid };
    const forger = atOnce(provider.generateKey('Ed25519'));
    for (let ctr = 0; ctr < 40; ctr++) {
      await forge(key, ctr, alice, said('forged'));
      const signature = atOnce(run(signFrame(provider, forger, { ...place, ctr }, said('forged'))));
      await forge(key, ctr, alice, [signature, ...said('forged')]);
    }
    const reasons = new Set(bob.undecryptable.map(({ device, reason }) => `${device === alice.device} ${reason}`));
    expect([...reasons].sort()).toEqual(['true not-verified', 'true unsigned']);
    for (let i = 0; i < 10; i++) await simulation.send(alice, `after ${i}`);
    await simulation.time.pass(100);
    expect(bob.frames).toEqual(['alice one', ...Array.from({ length: 10 }, (_, i) => `alice after ${i}`)]);
  });

  test('what I have signed serves for no other counter, content or kind', async () => {
    const { alice, bob, eve } = await room(true);
    await simulation.send(alice, 'pay 10');
    await simulation.time.pass(100);
    const key = stolen(eve, alice);
    const signed = lastOf(alice, key);
    await forge(key, 900, alice, signed);
    const changed = signed.slice();
    changed[changed.length - 1] = 0x39;
    await forge(key, 901, alice, changed);
    await forge(key, 902, alice, signed, 'heartbeat');
    expect(bob.frames).toEqual(['alice pay 10']);
    expect(bob.undecryptable.map(({ reason }) => reason)).toEqual(Array(3).fill('not-verified'));
  });

  test('what I have signed in an earlier life serves for none in this one', async () => {
    const { alice, bob, eve } = await room(true);
    await simulation.send(alice, 'old');
    await simulation.time.pass(100);
    const [old, key] = [lastOf(alice, stolen(eve, alice)), stolen(eve, alice)];
    const counter = simulation.published.filter(({ place }) => 'device' in place && place.device === alice.device);
    alice.crash();
    await simulation.time.pass(1_000);
    const again = await simulation.join('alice', { admit, signatures: true });
    expect(await simulation.settle(10_000)).toBe(true);
    const now = stolen(eve, again);
    // At every counter that the old one can have had, under the same KID or the new one.
    for (let ctr = 0; ctr < counter.length; ctr++) await forge({ ...now, kid: key.kid }, ctr, again, old);
    expect(bob.frames).toEqual(['alice old']);
    await simulation.send(again, 'new');
    await simulation.time.pass(100);
    expect(bob.frames).toEqual(['alice old', 'alice new']);
  });

  test('a member keeps nobody alive by heartbeats in its name', async () => {
    const { alice, bob, eve } = await room(true);
    const left: string[] = [];
    bob.session.events.on('left', ({ address, reason }) => left.push(`${address} ${reason}`));
    const key = stolen(eve, alice);
    alice.crash();
    for (let ctr = 500; ctr < 520; ctr++) {
      await forge(key, ctr, alice, new Uint8Array(0), 'heartbeat');
      await simulation.time.pass(4_000);
    }
    expect(left).toEqual(['alice gone']);
  });
});
