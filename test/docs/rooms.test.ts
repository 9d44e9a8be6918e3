import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { createWorld, until } from '../client/world.js';
import { program, snippets } from './snippets.js';

test('the page’s first lines do what they say', async () => {
  const world = await createWorld();
  const [alice, bob, casey] = [await world.join('alice'), await world.join('bob'), await world.join('casey')];
  const rooms = await Promise.all(
    [bob, casey].map((one) => one.joinRoom('room-1', { admit: ['alice', 'bob', 'casey'] })),
  );
  const told: string[] = [];
  const console = { log: (...words: unknown[]) => told.push(words.join(' ')) };
  const [lines] = snippets('docs/rooms.md', 'ts');
  const running = program(['alice', 'bytes', 'console'], lines as string)(alice, new Uint8Array(20), console);
  for (const room of rooms) {
    const { value: frame } = await room.frames().next();
    expect(frame).toMatchObject({ from: 'alice', channel: 'telemetry/temperature', bytes: new Uint8Array(20) });
    await until(() => room.members.find(({ address, ready }) => address === 'alice' && ready));
    await room.send(new Uint8Array(3), { channel: 'answer' });
  }
  await until(() => told.length === 4 || undefined);
  expect(told.sort()).toEqual(['bob answer 3', 'bob is here', 'casey answer 3', 'casey is here']);
  await alice.close();
  await running;
  for (const room of rooms) await room.leave();
});

test('frames that go out together arrive one by one, in their order', async () => {
  const world = await createWorld();
  const [alice, bob] = [await world.join('alice'), await world.join('bob')];
  const options = { roster: ['alice', 'bob'] };
  const [room, reader] = await Promise.all([alice.joinRoom('room-1', options), bob.joinRoom('room-1', options)]);
  await until(() => room.members.some(({ ready }) => ready) || undefined);
  const seen = await world.client();
  let messages = 0;
  seen.on('message', () => messages++);
  await seen.subscribeAsync('nes/room/room-1/frame/+');
  const sensors = ['a', 'b', 'c'].map((name, i) => ({ name, value: Uint8Array.of(i) }));
  const [, lines] = snippets('docs/rooms.md', 'ts');
  await program(['sensors', 'room'], lines as string)(sensors, room);
  const loop = reader.frames();
  for (const { name, value } of sensors) {
    expect((await loop.next()).value).toMatchObject({ channel: name, bytes: value });
  }
  await until(() => messages || undefined);
  expect(messages).toBe(1);
  for (const one of [room, reader]) await one.leave();
});

test('frames without a messenger: the program runs with the built package', async () => {
  const [lines] = snippets('docs/rooms.md', 'js');
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', lines as string]);
  expect(stdout).toBe('1024 bytes\n');
});
