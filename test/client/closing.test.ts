import { expect, test } from 'vitest';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { carelessDirectory } from './careless-directory.js';
import { createWorld, next, take, until } from './world.js';

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'done',
    (error) => error.code,
  );

/** A directory in which looking somebody up takes until `open` is called, once `shut` has been. */
function doorDirectory() {
  const directory = carelessDirectory();
  let door = Promise.resolve();
  let open = () => {};
  return {
    ...directory,
    shut() {
      door = new Promise<void>((resolve) => {
        open = resolve;
      });
    },
    open: () => open(),
    lookup: async (address: string) => {
      await door;
      return directory.lookup(address);
    },
  };
}

test('what was to be sent when the messenger is closed still goes out', async () => {
  const world = await createWorld();
  const [alice, bob] = [await world.join('alice'), await world.join('bob')];
  const sending = ['one', 'two'].map((text) => alice.send('bob', text));
  await alice.close();
  for (const sent of await Promise.all(sending)) await sent.published;
  expect((await take(bob, 2)).map(({ text }) => text)).toEqual(['one', 'two']);
});

test('what is not through in time is kept for the next time, and says so', async () => {
  const world = await createWorld();
  const directory = doorDirectory();
  const bob = await world.join('bob', { directory });
  const store = { ...memoryStore(), close: async () => {} };
  const alice = await world.join('alice', { directory, store });
  directory.shut();
  const sending = alice.send('bob', 'late');
  const asking = codeOf(alice.request('bob', 'later still'));
  const setting = alice.setState('presence', 'away', { to: 'bob' });
  const closing = alice.close({ patience: 0 });
  setTimeout(directory.open, 300);
  const sent = await sending;
  expect(await codeOf(sent.published)).toBe('USAGE_CLOSED');
  expect(await codeOf(sent.delivered)).toBe('USAGE_CLOSED');
  expect(await asking).toBe('USAGE_CLOSED');
  expect(await codeOf((await setting).published)).toBe('USAGE_CLOSED');
  await closing;
  const told = next(bob, 'state');
  await world.open('alice', { directory, store });
  expect((await told).text).toBe('away');
  expect((await take(bob, 2)).map(({ text }) => text)).toEqual(['late', 'later still']);
});

test('patience without end is not over at once', async () => {
  const world = await createWorld();
  const [alice, bob] = [await world.join('alice'), await world.join('bob')];
  let isDone = false;
  let begun = false;
  bob.on('message', async () => {
    begun = true;
    await new Promise((resolve) => setTimeout(resolve, 400));
    isDone = true;
  });
  await alice.send('bob', 'hello');
  await until(() => begun || undefined);
  await bob.close({ patience: Number.POSITIVE_INFINITY });
  expect(isDone).toBe(true);
});

test('patience that is none is refused, and nothing is closed', async () => {
  const world = await createWorld();
  const alice = await world.join('alice');
  for (const patience of [-1, Number.NaN, '5'])
    expect(await codeOf(alice.close({ patience: patience as number }))).toBe('USAGE_INVALID_ARGUMENT');
  expect(alice.status().connection).toBe('connected');
});
