import { expect, test } from 'vitest';
import { createWorld, next, type World } from '../client/world.js';
import { startRelay } from '../relay/site.js';

const BY_RELAY = { via: 'relay', calls: { rtc: false } } as const;

test('a call by the relay: every frame is handed in, and only records go directly', async () => {
  const world = await createWorld();
  const relay = await startRelay(world);
  const [alice, bob] = [await world.join('alice', BY_RELAY), await world.join('bob', BY_RELAY)];
  const seen = await watch(world);
  const taken = next(bob, 'call').then((incoming) => incoming.accept());
  const [a, b] = await Promise.all([alice.call('bob'), taken]);
  await a.send('hello');
  for await (const { text } of b.messages()) {
    expect(text).toBe('hello');
    break;
  }
  await a.hangUp();
  expect(await b.ended).toEqual({ reason: 'hangup', by: 'them' });
  // Dial, offer, answer, close; what the relay published are as many frames.
  expect(relay.counts).toMatchObject({ taken: 4, copies: 4, dropped: 0 });
  expect(seen.filter((topic) => topic === 'nes/relay/hand-in')).toHaveLength(4);
});

test('a call by the relay can be of one messenger alone, and needs a relay', async () => {
  const world = await createWorld();
  const alice = await world.join('alice', { calls: { rtc: false, via: 'relay' } });
  const bob = await world.join('bob', { calls: { rtc: false } });
  await expect(alice.call('bob')).rejects.toMatchObject({ code: 'DIRECTORY_NOT_FOUND' });
  const relay = await startRelay(world);
  const carol = await world.join('carol', { calls: { rtc: false, via: 'relay' } });
  const taken = next(bob, 'call').then((incoming) => incoming.accept());
  const [call] = await Promise.all([carol.call('bob'), taken]);
  await call.hangUp();
  expect(relay.counts.taken).toBe(3);
});

test('a relay that does not know the callee any more ends the call at once', async () => {
  const world = await createWorld();
  await startRelay(world, { registered: async (address) => address !== 'bob' });
  const [alice] = [await world.join('alice', BY_RELAY), await world.join('bob')];
  const warned = next(alice, 'warning', ({ code }) => code === 'DIRECTORY_NOT_FOUND');
  await expect(alice.call('bob')).rejects.toMatchObject({ code: 'CALL_FAILED' });
  await warned;
});

test('frames wait for a relay that is not there yet', async () => {
  const world = await createWorld();
  const first = await startRelay(world);
  const keys = { file: await first.exportKeys('correct horse'), passphrase: 'correct horse' };
  const timing = { handInAgainAfter: 200 };
  const [alice, bob] = [
    await world.join('alice', { ...BY_RELAY, timing }),
    await world.join('bob', { ...BY_RELAY, timing }),
  ];
  await first.close();
  const taken = next(bob, 'call').then((incoming) => incoming.accept());
  const calling = alice.call('bob');
  await new Promise((resolve) => setTimeout(resolve, 500));
  await startRelay(world, { keys });
  const [call] = await Promise.all([calling, taken]);
  await call.hangUp();
});

/** The topics of everything that is published from now on. */
async function watch(world: World): Promise<string[]> {
  const topics: string[] = [];
  const watcher = await world.client();
  watcher.on('message', (topic) => topics.push(topic));
  await watcher.subscribeAsync('nes/#', { qos: 1 });
  return topics;
}
