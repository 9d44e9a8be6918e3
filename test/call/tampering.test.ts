import { describe, expect, onTestFinished, test } from 'vitest';
import { concat } from '../../src/bytes/bytes.js';
import type { Messenger } from '../../src/client/messenger.js';
import type { RejectionReason } from '../../src/client/rejection.js';
import { nativeProvider } from '../../src/crypto/native.js';
import type { PrivateKey } from '../../src/crypto/provider.js';
import type { CallFrame } from '../../src/protocol/call/frame.js';
import { decodeRecordMessage, encodeChunk, encodeRecordMessage, Stream } from '../../src/protocol/call/record.js';
import type { CallInput, CallOutput, CallState } from '../../src/protocol/call/state.js';
import { now, secondDevice } from '../client/liar.js';
import { createWorld, next } from '../client/world.js';
import { passed } from './passed.js';
import { MQTT, ringing } from './talking.js';
import { type TamperedCall, type Tamperer, tamperer, type Wrong } from './tamperer.js';

const native = nativeProvider();
const stranger = native.generateKey('Ed25519') as PrivateKey;

/** A real messenger, and the one who tampers at the other end. */
async function scene(address: string) {
  const world = await createWorld();
  const messenger = await world.join(address, { calls: MQTT });
  return { world, messenger, mallory: await tamperer(world, 'mallory', messenger) };
}

/** What is wrong with a frame, and how the messenger calls it when it passes it over. */
type PassedOver = readonly [what: string, wrong: Wrong, reason: RejectionReason];

/** What no frame of any type may be. */
const NEVER: readonly PassedOver[] = [
  ['older than it may be', { draft: { issuedAt: now() - 110 } }, 'late'],
  ['of the future', { draft: { issuedAt: now() + 200 } }, 'early'],
  ['of the far future', { draft: { issuedAt: now() + 3600 } }, 'from-the-future'],
  ['addressed to another', { draft: { audience: 'carol' } }, 'unverifiable'],
  ['for another purpose', { draft: { family: 'message' } }, 'unverifiable'],
  ['signed by another key than it names', { forger: stranger }, 'unverifiable'],
  ['signed by a device that is in no record', { signKey: stranger }, 'unknown-key'],
  ['signed by somebody who is not registered', { signKey: stranger, draft: { from: 'nobody' } }, 'unknown-sender'],
  ['no frame', { draft: { contentType: 'text/plain' } }, 'malformed'],
  ['of no known type', { frame: (frame) => ({ ...frame, type: 'hello' }) as unknown as CallFrame }, 'malformed'],
];

/** Does each thing wrong, one at a time, and expects it to be passed over for its reason. */
async function passesOver(
  messenger: Messenger,
  wrongs: readonly PassedOver[],
  send: (wrong: Wrong) => Promise<unknown>,
) {
  for (const [what, wrong, reason] of wrongs) {
    const rejected = next(messenger, 'rejected');
    await send(wrong);
    expect({ what, reason: (await rejected).reason }).toEqual({ what, reason });
  }
}

const otherHash = (frame: CallFrame): CallFrame => ({
  ...frame,
  ...('dial' in frame && { dial: new Uint8Array(32) }),
  ...('offer' in frame && { offer: new Uint8Array(32) }),
});

const otherCall = (frame: CallFrame): CallFrame => ({ ...frame, call: new Uint8Array(16) });

/** One byte of the encrypted description is another one. */
const changedBody = (frame: CallFrame): CallFrame => {
  const ct = 'ct' in frame ? frame.ct.slice() : new Uint8Array(0);
  ct[0] = (ct[0] as number) ^ 1;
  return { ...frame, ct } as CallFrame;
};

const otherKey = (frame: CallFrame): CallFrame => ({ ...frame, key: native.randomBytes(32).slice() }) as CallFrame;

/** Whoever goes on from here encrypts under a key that nobody else has. */
function underOtherKey(state: CallState): CallState {
  if (state.phase === 'ringing') return { ...state, callerKey: native.randomBytes(32).slice() };
  if (state.phase !== 'answering') throw new RangeError(state.phase);
  return { ...state, keys: { ...state.keys, answer: native.randomBytes(32).slice() } };
}

describe('to the callee', () => {
  test('a dial with one thing wrong does not ring, and the right one does', async () => {
    const { messenger: bob, mallory } = await scene('bob');
    let rang = 0;
    bob.on('call', () => rang++);
    const otherIdentity = (frame: CallFrame) => ({ ...frame, identity: new Uint8Array(32) }) as CallFrame;
    const wrongs: PassedOver[] = [...NEVER, ['for another identity', { frame: otherIdentity }, 'not-for-me']];
    await passesOver(bob, wrongs, (wrong) => mallory.dial(wrong));
    await bob.contacts.block('mallory');
    await passesOver(bob, [['of somebody who is blocked', {}, 'blocked']], (wrong) => mallory.dial(wrong));
    await bob.contacts.unblock('mallory');
    expect(rang).toBe(0);
    const call = ringing(bob);
    await mallory.dial();
    expect((await call).from.address).toBe('mallory');
  });

  test('a dial does not ring when the end of its call was faster', async () => {
    const { world, messenger: bob, mallory } = await scene('bob');
    const carol = await tamperer(world, 'carol', bob);
    const rang: string[] = [];
    bob.on('call', ({ from }) => rang.push(from.address));
    const rings = next(bob, 'call', ({ from }) => from.address === 'carol');
    const call = native.randomBytes(16).slice();
    await mallory.send({ type: 'close', call, reason: 'hangup' });
    await mallory.send({ type: 'dial', call, identity: bob.record.identity, key: native.randomBytes(32).slice() });
    await carol.dial();
    await rings;
    expect(rang).toEqual(['carol']);
  });

  test('whoever dials without end is not heard any more', async () => {
    const { messenger: bob, mallory } = await scene('bob');
    bob.on('call', () => {});
    const refused = next(bob, 'rejected', ({ reason }) => reason === 'too-many');
    for (let n = 0; n < 48; n++) await mallory.dial();
    expect((await refused).from).toBe('mallory');
  });

  /** A call of Mallory's that Bob has taken, and for whose answer he waits. */
  async function offered(bob: Messenger, mallory: Tamperer) {
    const incoming = ringing(bob);
    const call = await mallory.dial();
    const accepting = (await incoming).accept();
    accepting.catch(() => {});
    await call.takes('offer');
    return { call, accepting };
  }

  const describing = (): CallInput => ({ kind: 'describe', now: Date.now() });

  test('an answer with one thing wrong is passed over; the right one makes the call, and without it there is none', async () => {
    const { world, messenger: bob, mallory } = await scene('bob');
    const second = await tamperer(world, 'mallory', bob, {
      ...mallory.account,
      device: await secondDevice(world, mallory.account),
    });
    const carol = await tamperer(world, 'carol', bob);
    const pester = async (call: TamperedCall) => {
      const { state } = call;
      const wrongs: PassedOver[] = [...NEVER, ['of another call', { frame: otherCall }, 'unexpected']];
      await passesOver(bob, wrongs, (wrong) => call.tries(describing(), wrong));
      const answer = { type: 'answer', call: state.call, offer: new Uint8Array(32), ct: new Uint8Array(40) } as const;
      await passesOver(bob, [['of another device', {}, 'not-the-peer']], () => second.send(answer));
      await passesOver(bob, [['of somebody else', {}, 'not-the-peer']], () => carol.send(answer));
    };
    const one = await offered(bob, mallory);
    await pester(one.call);
    await one.call.does(describing());
    await one.call.hello();
    const call = await one.accepting;
    expect([call.peer.address, call.path]).toEqual(['mallory', 'mqtt']);
    await call.hangUp({ patience: 0 });

    const other = await offered(bob, mallory);
    await pester(other.call);
    onTestFinished(passed(60_000));
    await expect(other.accepting).rejects.toMatchObject({ code: 'CALL_NO_ANSWER' });
  });

  const ending: [what: string, wrong: Wrong, change?: (state: CallState) => CallState][] = [
    ['names another offer', { frame: otherHash }],
    ['has a changed description', { frame: changedBody }],
    ['is under the key of another ephemeral key', {}, underOtherKey],
  ];

  test.each(ending)('an answer that %s ends the call', async (_what, wrong, change = (same) => same) => {
    const { messenger: bob, mallory } = await scene('bob');
    const { call, accepting } = await offered(bob, mallory);
    await call.tries(describing(), wrong, change(call.state));
    await expect(accepting).rejects.toMatchObject({ code: 'VERIFY_HANDSHAKE' });
    expect((await mallory.hears('close')).frame.reason).toBe('failed');
  });

  test('a second dial with another key changes nothing', async () => {
    const { messenger: bob, mallory } = await scene('bob');
    const { call, accepting } = await offered(bob, mallory);
    const dial = { type: 'dial', identity: bob.record.identity, key: native.randomBytes(32).slice() } as const;
    const again = { ...dial, call: call.state.call };
    await passesOver(bob, [['again, with another key', {}, 'unexpected']], (wrong) => mallory.send(again, wrong));
    await call.does(describing());
    await call.hello();
    expect((await accepting).id).toBe(Buffer.from(call.state.call).toString('hex'));
  });
});

describe('to the caller', () => {
  /** A call of Alice's that rings at Mallory's. */
  async function rung(alice: Messenger, mallory: Tamperer) {
    const calling = alice.call('mallory');
    calling.catch(() => {});
    return { calling, call: await mallory.ring() };
  }

  const accepting = (): CallInput => ({ kind: 'accept', now: Date.now() });

  test('an offer with one thing wrong is passed over; the right one makes the call, and without it there is none', async () => {
    const { world, messenger: alice, mallory } = await scene('alice');
    const carol = await tamperer(world, 'carol', alice);
    const pester = async ({ state, ...call }: TamperedCall) => {
      const wrongs: PassedOver[] = [...NEVER, ['of another call', { frame: otherCall }, 'unexpected']];
      await passesOver(alice, wrongs, (wrong) => call.tries(accepting(), wrong));
      const offer = { type: 'offer', call: state.call, dial: new Uint8Array(32), key: new Uint8Array(32) } as const;
      const sent = () => carol.send({ ...offer, ct: new Uint8Array(40) });
      await passesOver(alice, [['of somebody else', {}, 'not-the-peer']], sent);
    };
    const one = await rung(alice, mallory);
    await pester(one.call);
    await one.call.does(accepting());
    await one.call.takes('answer');
    await one.call.hello();
    const call = await one.calling;
    expect([call.peer.address, call.path]).toEqual(['mallory', 'mqtt']);
    await call.hangUp({ patience: 0 });

    const other = await rung(alice, mallory);
    await pester(other.call);
    onTestFinished(passed(90_000));
    await expect(other.calling).rejects.toMatchObject({ code: 'CALL_NO_ANSWER' });
  });

  const ending: [what: string, wrong: Wrong, change?: (state: CallState) => CallState][] = [
    ['names another dial', { frame: otherHash }],
    ['has a changed description', { frame: changedBody }],
    ['is not under the key that it brings', { frame: otherKey }],
    ['is under the key of another dial', {}, underOtherKey],
  ];

  test.each(ending)('an offer that %s ends the call', async (_what, wrong, change = (same) => same) => {
    const { messenger: alice, mallory } = await scene('alice');
    const { calling, call } = await rung(alice, mallory);
    await call.tries(accepting(), wrong, change(call.state));
    await expect(calling).rejects.toMatchObject({ code: 'VERIFY_HANDSHAKE' });
    expect((await mallory.hears('close')).frame.reason).toBe('failed');
  });

  test('a second offer with another key changes nothing', async () => {
    const { messenger: alice, mallory } = await scene('alice');
    const { calling, call } = await rung(alice, mallory);
    const { state } = call;
    await call.does(accepting());
    await call.takes('answer');
    await passesOver(alice, [['again, with another key', {}, 'unexpected']], (wrong) =>
      call.tries(accepting(), wrong, state),
    );
    await call.hello();
    expect((await calling).id).toBe(Buffer.from(call.state.call).toString('hex'));
  });
});

describe('in a call', () => {
  /** A call of Mallory's that Bob has taken, over the broker. */
  async function talking() {
    const { world, messenger: bob, mallory } = await scene('bob');
    const incoming = ringing(bob);
    const call = await mallory.dial();
    const accepting = (await incoming).accept();
    await call.takes('offer');
    const [answer] = await call.does({ kind: 'describe', now: Date.now() });
    await call.hello();
    return { world, bob, mallory, call, heard: await accepting, answer: bytesOf(answer) };
  }

  const bytesOf = (output: CallOutput | undefined) => (output?.kind === 'publish' ? output.bytes : new Uint8Array(0));
  const candidate: CallInput = { kind: 'candidate', round: 0, candidate: { candidate: 'candidate:1', mid: '0' } };

  test('frames that are played again, moved, forged or of somebody else are passed over', async () => {
    const { world, bob, mallory, call, heard, answer } = await talking();
    const carol = await tamperer(world, 'carol', bob);
    await passesOver(
      bob,
      NEVER.filter(([, , reason]) => reason !== 'from-the-future'),
      (wrong) => call.tries(candidate, wrong),
    );
    const frame = { type: 'ice', call: call.state.call, ctr: 5, ct: new Uint8Array(40) } as const;
    await passesOver(bob, [['under another key', {}, 'undecryptable']], () => mallory.send(frame));
    await passesOver(bob, [['of another call', { frame: otherCall }, 'unexpected']], (wrong) =>
      call.tries(candidate, wrong),
    );
    await passesOver(bob, [['of somebody else', {}, 'not-the-peer']], () => carol.send(frame));
    const close = { type: 'close', call: call.state.call, reason: 'hangup' } as const;
    await passesOver(bob, [['the end, by somebody else', {}, 'not-the-peer']], () => carol.send(close));
    const before = call.state;
    const [sent] = await call.does(candidate);
    await passesOver(bob, [['played again', {}, 'replayed']], () => mallory.publish(bytesOf(sent)));
    await passesOver(bob, [['the answer, played again', {}, 'replayed']], () => mallory.publish(answer));
    await passesOver(bob, [['with a counter that was used', {}, 'replayed']], () => call.tries(candidate, {}, before));
    expect(heard.path).toBe('mqtt');
  });

  test('records that are played again, moved or forged are not heard', async () => {
    const { world, bob, mallory, call, heard } = await talking();
    const carol = await tamperer(world, 'carol', bob);
    const said = (text: string) => concat(...encodeChunk({ text: true, last: true, bytes: Buffer.from(text) }));
    const one = await call.record(Stream.ordered, 0, said('one'));
    const forged = await call.record(Stream.ordered, 1, said('two'));
    forged[forged.length - 1] = (forged[forged.length - 1] as number) ^ 1;
    const { callId: _, ...moved } = decodeRecordMessage(await call.record(Stream.ordered, 1, said('of another call')));
    const otherwise = await call.record(Stream.ordered, 0, said('another one of the same number'));
    for (const bytes of [one, one, forged, encodeRecordMessage(new Uint8Array(16), moved), otherwise])
      await mallory.publish(bytes);
    await carol.publish(one);
    await mallory.publish(await call.record(Stream.ordered, 1, said('two')));
    await mallory.publish(await call.record(Stream.ordered, 2, concat(...encodeChunk({ unordered: 0 }))));
    const texts: (string | undefined)[] = [];
    for await (const { text } of heard.messages()) texts.push(text);
    expect(texts).toEqual(['one', 'two']);
  });
});
