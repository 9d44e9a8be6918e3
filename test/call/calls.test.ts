import { describe, expect, test } from 'vitest';
import { mqttTransport } from '../../src/adapters/mqtt/mqtt-transport.js';
import { nodeDataChannelRtc } from '../../src/adapters/rtc/node-datachannel.js';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { Messenger } from '../../src/client/messenger.js';
import type { Rtc } from '../../src/ports/rtc.js';
import type { Transport } from '../../src/ports/transport.js';
import { closing, createWorld, next, until } from '../client/world.js';
import { startProxy } from '../mqtt/proxy.js';
import { breakable } from './breakable.js';
import { connect, first, MQTT, type Pair, pair, ringing } from './talking.js';

describe('who is called', () => {
  test('declines', async () => {
    const { alice, bob } = await pair();
    const calling = alice.call('bob');
    calling.catch(() => {});
    const incoming = await ringing(bob);
    // Alice would not understand it, and let it ring on.
    for (const wrong of ['in a meeting', null, 'hangup'])
      await expect(incoming.decline(wrong as never)).rejects.toMatchObject({ code: 'USAGE_INVALID_ARGUMENT' });
    await incoming.decline();
    await expect(calling).rejects.toMatchObject({ code: 'CALL_DECLINED' });
  });

  test('is in a call already', async () => {
    const { world, alice, bob } = await pair();
    const carol = await world.join('carol', { calls: MQTT });
    await connect(alice, bob);
    await expect(carol.call('bob')).rejects.toMatchObject({ code: 'CALL_BUSY' });
    await expect(alice.call('carol')).rejects.toMatchObject({ code: 'CALL_BUSY' });
  });

  test('is told when the caller gives up', async () => {
    const { alice, bob } = await pair();
    const abort = new AbortController();
    const calling = alice.call('bob', { signal: abort.signal });
    const incoming = await ringing(bob);
    abort.abort();
    await expect(calling).rejects.toMatchObject({ code: 'CALL_ENDED' });
    expect(await incoming.ended).toEqual({ reason: 'hangup', by: 'them' });
    await expect(incoming.accept()).rejects.toMatchObject({ code: 'CALL_ENDED' });
  });

  test('is called back by somebody who gives up before that, or after the call stands', async () => {
    const { alice, bob } = await pair();
    const rings = ringing(bob);
    const calling = alice.call('bob');
    const incoming = await rings;
    await expect(bob.call('alice', { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'CALL_ENDED' });
    const abort = new AbortController();
    const [a, b] = await Promise.all([calling, bob.call('alice', { signal: abort.signal })]);
    abort.abort();
    const heard = first(a);
    await b.send('still here');
    expect(await heard).toBe('still here');
    await a.hangUp();
    expect(await incoming.ended).toEqual({ reason: 'hangup', by: 'them' });
  });

  test('hears nothing of whoever is blocked, and cannot call them', async () => {
    const { alice, bob } = await pair();
    await bob.contacts.block('alice');
    let rang = false;
    bob.on('call', () => {
      rang = true;
    });
    const rejected = next(bob, 'rejected', ({ reason }) => reason === 'blocked');
    const abort = new AbortController();
    const calling = alice.call('bob', { signal: abort.signal }).catch((error) => error);
    expect(await rejected).toMatchObject({ from: 'alice' });
    abort.abort();
    await calling;
    expect(rang).toBe(false);
    await expect(bob.call('alice')).rejects.toMatchObject({ code: 'USAGE_CONTACT_BLOCKED' });
  });

  test('knows whether the key was compared', async () => {
    const { alice, bob } = await pair();
    await bob.contacts.markVerified('alice', alice.record.identity);
    const [a, b] = await connect(alice, bob);
    expect([a.peer.verified, b.peer.verified]).toEqual([false, true]);
    expect(b.peer.identity).toEqual(alice.record.identity);
  });

  test('is nobody, or oneself', async () => {
    const { alice } = await pair();
    await expect(alice.call('nobody')).rejects.toMatchObject({ code: 'DIRECTORY_NOT_FOUND' });
    await expect(alice.call('alice')).rejects.toMatchObject({ code: 'USAGE_INVALID_ARGUMENT' });
    await expect(alice.call('No Address')).rejects.toMatchObject({ code: 'USAGE_INVALID_ADDRESS' });
  });
});

test('two who call each other have one call', async () => {
  const { alice, bob } = await pair();
  for (const messenger of [alice, bob]) messenger.on('call', () => {});
  const [a, b] = await Promise.all([alice.call('bob'), bob.call('alice')]);
  expect(a.id).toBe(b.id);
  const heard = first(b);
  await a.send('one line');
  expect(await heard).toBe('one line');
});

test('of two dials of one device the second one rings, and the line is not busy with the first', async () => {
  const { alice, bob } = await pair({ ...MQTT, limit: 2 }, MQTT);
  const before = ringing(bob);
  const calling = alice.call('bob');
  const outdated = await before;
  const [[a, b]] = await Promise.all([
    connect(alice, bob),
    expect(calling).rejects.toMatchObject({ code: 'CALL_BUSY' }),
    expect(outdated.ended).resolves.toEqual({ reason: 'busy', by: 'us' }),
  ]);
  expect(a.id).toBe(b.id);
});

/** Two of whom one has a connection of its own, which `breaks` when it is asked before a frame or record goes out. */
async function unsteady(who: string, breaks: () => boolean) {
  const world = await createWorld();
  const network = await startProxy(Number(new URL(world.brokerUrl).port));
  closing(() => network.close());
  const inner = mqttTransport({ broker: `mqtt://127.0.0.1:${network.port}`, clientId: who });
  const broker: Transport = {
    ...inner,
    publish(topic, ...rest) {
      if (topic.endsWith('/signal') && breaks()) network.cut();
      return inner.publish(topic, ...rest);
    },
  };
  const join = (address: string) => world.join(address, { calls: MQTT, ...(address === who && { broker }) });
  const [alice, bob] = [await join('alice'), await join('bob')];
  return {
    alice,
    bob,
    lost: next(who === 'alice' ? alice : bob, 'warning', ({ code }) => code === 'TRANSPORT_CLOSED'),
  };
}

test.each([
  ['dial', 'alice', 0],
  ['offer', 'bob', 0],
  ['answer', 'alice', 1],
] as const)('%s: what the connection took along is said again over the next one', async (_frame, who, before) => {
  let left = before;
  const { alice, bob, lost } = await unsteady(who, () => left-- === 0);
  const [a, b] = await connect(alice, bob);
  await lost;
  const heard = first(b);
  await a.send('all the same');
  expect(await heard).toBe('all the same');
});

test('close: a call that is over while there is no connection says so over the next one', async () => {
  let left = Number.POSITIVE_INFINITY;
  const { alice, bob, lost } = await unsteady('alice', () => left-- === 0);
  const [a, b] = await connect(alice, bob);
  left = 0;
  await a.hangUp({ patience: 0 });
  await lost;
  expect(await b.ended).toEqual({ reason: 'hangup', by: 'them' });
});

test('a message is text or bytes, and options are what they have to be', async () => {
  const { world, alice, bob } = await pair();
  const [a] = await connect(alice, bob);
  for (const wrong of [undefined, null, 5, {}, new ArrayBuffer(4), Uint16Array.of(1, 500)]) {
    await expect(a.send(wrong as never)).rejects.toMatchObject({ code: 'USAGE_INVALID_ARGUMENT' });
  }
  for (const wrong of [
    () => alice.call('bob', null as never),
    () => alice.call('bob', { signal: 5 as never }),
    () => a.send('x', null as never),
    () => a.send('x', { ordered: 'no' as never }),
    () => a.hangUp(null as never),
    () => a.hangUp({ patience: 'long' as never }),
  ]) {
    await expect(wrong()).rejects.toMatchObject({ code: 'USAGE_INVALID_ARGUMENT' });
  }
  const wrong = [
    ...[{ policy: 'Relay' }, { via: 'Relay' }, { rtc: {} }, { rtc: true }, { iceServers: 'turn:turn.example' }],
    ...[{ limit: 0 }, { heartbeat: -1 }, { maxMessageBytes: 1.5 }],
  ];
  for (const calls of wrong) {
    await expect(world.open('carol', { calls: calls as never })).rejects.toMatchObject({
      code: 'USAGE_INVALID_ARGUMENT',
    });
  }
});

test('whoever calls back while it rings takes the call', async () => {
  const { alice, bob } = await pair();
  const calling = alice.call('bob');
  await ringing(bob);
  const [a, b] = await Promise.all([calling, bob.call('alice')]);
  expect(a.id).toBe(b.id);
});

/** Another device of Bob's, which Alice has heard of. */
async function laptopOf({ world, alice, bob }: Pair): Promise<Messenger> {
  const identity = { file: await bob.exportIdentity('correct horse'), passphrase: 'correct horse' };
  const options = { address: 'bob', broker: world.brokerUrl, directory: world.directory.url, calls: MQTT };
  const laptop = await Messenger.open({ ...options, store: memoryStore(), identity });
  closing(() => laptop.close());
  await laptop.register();
  await alice.send('bob', 'who is there?').then(({ published }) => published);
  return laptop;
}

test('of several devices one that is busy leaves it to the others', async () => {
  const scene = await pair();
  const { world, alice, bob } = scene;
  const laptop = await laptopOf(scene);
  const carol = await world.join('carol', { calls: MQTT });
  await connect(carol, bob);
  const [a, b] = await connect(alice, laptop);
  expect(a.id).toBe(b.id);
  const dave = await world.join('dave', { calls: MQTT });
  await expect(dave.call('bob')).rejects.toMatchObject({ code: 'CALL_BUSY' });
});

test('of several devices one takes it, and the others stop ringing', async () => {
  const scene = await pair();
  const { alice, bob } = scene;
  const laptop = await laptopOf(scene);
  const [phones, laptops] = [ringing(bob), ringing(laptop)];
  const calling = alice.call('bob');
  const onPhone = await phones;
  const onLaptop = await laptops;
  await Promise.all([calling, onLaptop.accept()]);
  expect(await onPhone.ended).toEqual({ reason: 'elsewhere', by: 'them' });
});

test('whoever hangs up has the last word, and what it overtakes is heard all the same', async () => {
  const rtc = nodeDataChannelRtc();
  const slow: Rtc = {
    name: 'slow',
    create: ({ handlers, ...rest }) =>
      rtc.create({
        ...rest,
        handlers: { ...handlers, message: (...what) => void setTimeout(() => handlers.message(...what), 400) },
      }),
  };
  const { alice, bob } = await pair({ rtc }, { rtc: slow });
  const [a, b] = await connect(alice, bob);
  await Promise.all([a.end(), first(b)]);
  const ending = b.end();
  await first(a);
  await a.hangUp();
  await b.ended;
  await ending;
});

test('whoever hangs up has the last word, although the stack drops what it was told just before', async () => {
  const rtc = nodeDataChannelRtc();
  let isDropping = false;
  const dropping: Rtc = {
    name: 'dropping',
    create(options) {
      const connection = rtc.create(options);
      const send: typeof connection.send = (...what) => {
        if (!isDropping) connection.send(...what);
      };
      return Object.assign(Object.create(connection), { send });
    },
  };
  const { alice, bob } = await pair({ rtc: dropping }, { rtc });
  const [a, b] = await connect(alice, bob);
  await Promise.all([a.end(), first(b)]);
  isDropping = true;
  const ending = b.end();
  await first(a);
  await a.hangUp();
  await ending;
});

test('who hangs up when the other side has just done so waits for nobody', async () => {
  const { alice, bob } = await pair();
  // Eight last words that nobody says would take longer than a test may.
  for (let calls = 0; calls < 8; calls++) {
    const [a, b] = await connect(alice, bob);
    const hangingUp = b.hangUp();
    await b.ended;
    await a.hangUp();
    await hangingUp;
    expect([await a.ended, await b.ended]).toEqual([
      { reason: 'hangup', by: 'them' },
      { reason: 'hangup', by: 'us' },
    ]);
  }
});

describe('the way', () => {
  test('is looked for anew when it is lost, under the same keys, and nothing is lost with it', async () => {
    const rtc = breakable(nodeDataChannelRtc());
    const { alice, bob } = await pair({ rtc, fallbackAfter: 60_000 });
    const [a, b] = await connect(alice, bob);
    const got: (string | undefined)[] = [];
    const reading = (async () => {
      for await (const { text } of b.messages()) got.push(text);
    })();
    const paths: (string | undefined)[] = [];
    a.on('path', (path) => paths.push(path));
    await a.send('before');
    rtc.break();
    await a.send('in between');
    await until(() => (paths.at(-1) === 'direct' ? true : undefined));
    await a.send('after');
    rtc.break();
    await a.end();
    await reading;
    expect(got).toEqual(['before', 'in between', 'after']);
    expect(b.complete).toBe(true);
    await a.hangUp();
    expect(paths.slice(0, 2)).toEqual([undefined, 'direct']);
    expect(rtc.made).toBeGreaterThanOrEqual(4);
    await until(() => (rtc.open === 0 ? true : undefined));
  });

  test('is MQTT where there is no other, from the beginning or from the middle on', async () => {
    const rtc = breakable(nodeDataChannelRtc());
    const { alice, bob } = await pair({ rtc, fallbackAfter: 300 });
    const [a, b] = await connect(alice, bob);
    const heard = (async () => {
      const texts: (string | undefined)[] = [];
      for await (const { text } of b.messages()) texts.push(text);
      return texts;
    })();
    await a.send('direct');
    rtc.break(true);
    for (let i = 0; i < 20; i++) await a.send(`over the broker ${i}`);
    expect(a.path).toBe('mqtt');
    await a.hangUp();
    expect(await heard).toEqual(['direct', ...Array.from({ length: 20 }, (_, i) => `over the broker ${i}`)]);
    await b.ended;
    const [c] = await connect(alice, bob);
    expect(c.path).toBe('mqtt');
  });

  test('is MQTT when one of the two has no WebRTC', async () => {
    const { alice, bob } = await pair({ rtc: nodeDataChannelRtc() }, MQTT);
    const [a, b] = await connect(alice, bob);
    expect([a.path, b.path]).toEqual(['mqtt', 'mqtt']);
    await a.hangUp();
    await b.ended;
    const [back] = await connect(bob, alice);
    expect(back.path).toBe('mqtt');
  });

  test('is MQTT, and at once, when one of the two wants relays and has no TURN server', async () => {
    const rtc = nodeDataChannelRtc();
    const hidden = { rtc, policy: 'relay', iceServers: [{ urls: 'stun:127.0.0.1:9' }], fallbackAfter: 60_000 } as const;
    const { alice, bob } = await pair(hidden, { rtc, fallbackAfter: 60_000 });
    const [a, b] = await connect(alice, bob);
    expect([a.path, b.path]).toEqual(['mqtt', 'mqtt']);
    await a.hangUp();
    await b.ended;
    const [back] = await connect(bob, alice);
    expect(back.path).toBe('mqtt');
  });
});

test('a call that ends while TURN servers are still asked for leaves no connection behind', async () => {
  const rtc = breakable(nodeDataChannelRtc());
  let answer: ((servers: readonly []) => void) | undefined;
  const iceServers = () =>
    new Promise<readonly []>((resolve) => {
      answer = resolve;
    });
  const { alice, bob } = await pair(MQTT, { rtc, iceServers });
  const abort = new AbortController();
  const calling = alice.call('bob', { signal: abort.signal });
  const incoming = await ringing(bob);
  const taken = incoming.accept();
  const give = await until(() => answer);
  abort.abort();
  await expect(calling).rejects.toMatchObject({ code: 'CALL_ENDED' });
  await incoming.ended;
  give([]);
  await expect(taken).rejects.toMatchObject({ code: 'CALL_ENDED' });
  expect(rtc.open).toBe(0);
});

test('a clock that is set wrong for a while ends no call that is being made', async () => {
  const world = await createWorld();
  // Of the jumps of this one nobody learns.
  const clock = { ahead: 0, now: () => Date.now() + clock.ahead };
  const [alice, bob] = [
    await world.join('alice', { calls: MQTT, clock }),
    await world.join('bob', { calls: MQTT, clock }),
  ];
  const rings = ringing(bob);
  const calling = alice.call('bob');
  calling.catch(() => {});
  const incoming = await rings;
  clock.ahead = 120_000;
  // Both have looked at the time meanwhile.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const b = await incoming.accept();
  expect((await calling).id).toBe(b.id);
});

describe('a peer that is gone', () => {
  test('in the middle of a call is missed', async () => {
    const world = await createWorld();
    const calls = { ...MQTT, heartbeat: 200 };
    const alice = await world.join('alice', { calls });
    const network = await startProxy(Number(new URL(world.brokerUrl).port));
    closing(() => network.close());
    const bob = await world.join('bob', { calls, broker: `mqtt://127.0.0.1:${network.port}`, connect: 'wait' });
    const [a] = await connect(alice, bob);
    const heard = first(a);
    const ending = expect(a.end()).rejects.toMatchObject({ code: 'CALL_FAILED' });
    await network.close();
    expect(await a.ended).toEqual({ reason: 'failed', by: 'us' });
    await ending;
    expect(await heard).toBeUndefined();
    expect(a.complete).toBe(false);
  });

  test('is not missed because somebody sets the clock', async () => {
    const world = await createWorld();
    const clock = { ahead: 0, now: () => Date.now() + clock.ahead, monotonic: () => performance.now() };
    // Missed after 12 seconds without a sign of life.
    const calls = { ...MQTT, heartbeat: 2_000 };
    const [alice, bob] = [await world.join('alice', { calls, clock }), await world.join('bob', { calls })];
    const [a, b] = await connect(alice, bob);
    clock.ahead = 20_000;
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    const heard = first(b);
    await a.send('still here');
    expect(await heard).toBe('still here');
  });

  test('ends the call when it closes its messenger', async () => {
    const { alice, bob } = await pair();
    const [a] = await connect(alice, bob);
    await bob.close();
    expect(await a.ended).toEqual({ reason: 'hangup', by: 'them' });
  });
});

test('what anybody reads on the topics tells nothing of the call', async () => {
  const { world, alice, bob } = await pair();
  const spy = await world.client();
  const seen: Uint8Array[] = [];
  spy.on('message', (_topic, payload) => seen.push(new Uint8Array(payload)));
  await spy.subscribeAsync('#', { qos: 1 });
  const [a, b] = await connect(alice, bob);
  const heard = first(b);
  await a.send('the secret of the line');
  await heard;
  await a.hangUp();
  await b.ended;
  expect(seen.length).toBeGreaterThan(5);
  for (const bytes of seen) {
    const text = Buffer.from(bytes).toString('latin1');
    for (const word of ['secret', 'offer', 'dial', 'hangup', 'hello', 'sdp']) expect(text).not.toContain(word);
  }
});

test('a dial that is played again, to us or to somebody else, is not heard', async () => {
  const { world, alice, bob } = await pair();
  const spy = await world.client();
  const seen: Buffer[] = [];
  spy.on('message', (_topic, payload) => seen.push(payload));
  await spy.subscribeAsync('nes/bob/signal', { qos: 1 });
  const calling = alice.call('bob').catch((error) => error);
  await (await ringing(bob)).decline();
  await calling;
  let rang = 0;
  bob.on('call', () => rang++);
  const replayed = next(bob, 'rejected', ({ reason }) => reason === 'replayed');
  await spy.publishAsync('nes/bob/signal', seen[0] as Buffer, { qos: 1 });
  expect(await replayed).toMatchObject({ from: 'alice' });
  const elsewhere = next(alice, 'rejected');
  await spy.publishAsync('nes/alice/signal', Buffer.from([0xd8, 0x60, 0x84, 1, 2, 3]), { qos: 1 });
  expect(await elsewhere).toMatchObject({ reason: 'malformed' });
  expect(rang).toBe(0);
});
