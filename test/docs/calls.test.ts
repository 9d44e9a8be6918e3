import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { nodeDataChannelRtc } from '../../src/adapters/rtc/node-datachannel.js';
import { turnCredentials } from '../../src/adapters/rtc/turn-credentials.js';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import type { CallOptions } from '../../src/client/call/settings.js';
import { Messenger } from '../../src/client/messenger.js';
import type { MessengerOptions } from '../../src/client/options.js';
import { connect, pair } from '../call/talking.js';
import { closing, createWorld } from '../client/world.js';

const page = await readFile('docs/calls.md', 'utf8');
const snippets = [...page.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, body]) => body as string);
const [first, opening, sending, receiving, ...rest] = snippets as [string, string, string, string];

const AsyncFunction = (async () => {}).constructor as new (
  ...args: string[]
) => (...values: unknown[]) => Promise<unknown>;

/** Runs a snippet with what it takes for given; answers what `result` stands for at its end. */
function run(snippet: string, given: Record<string, unknown>, result = 'undefined'): Promise<unknown> {
  const source = `${snippet.replace(/^import .*$/gm, '')}\nreturn ${result};`;
  return new AsyncFunction(...Object.keys(given), source)(...Object.values(given));
}

test('there is no snippet that is not run', () => expect(rest).toEqual([]));

test("the page's first lines: a call, a message, its end", async () => {
  const { alice, bob } = await pair();
  const told: string[] = [];
  const console = { log: (...words: unknown[]) => told.push(words.join(' ')) };
  await run(first, { alice, bob, console });
  expect(told.sort()).toEqual(['alice Hello Bob!', 'mqtt false']);
});

test('a messenger with a stack, TURN and a policy', async () => {
  const { brokerUrl: broker, directory } = await createWorld();
  const opened: MessengerOptions[] = [];
  const Opening = {
    open(options: MessengerOptions) {
      opened.push(options);
      return Messenger.open({ ...options, store: memoryStore() });
    },
  };
  const given = {
    Messenger: Opening,
    broker,
    directory: directory.url,
    nodeDataChannelRtc,
    turnCredentials,
    secret: 'x',
  };
  const alice = (await run(opening, given, 'alice')) as Messenger;
  closing(() => alice.close());
  const { iceServers, policy, rtc }: CallOptions = opened[0]?.calls ?? {};
  expect({ policy, name: rtc ? rtc.name : 'none' }).toEqual({ policy: 'relay', name: 'node-datachannel' });
  const [server] = typeof iceServers === 'function' ? await iceServers() : [];
  expect(server).toMatchObject({ urls: 'turn:turn.example', username: expect.stringMatching(/^\d+:alice$/) });
});

test('a file through a call, and the word that it is whole', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sealmq-calls-'));
  closing(() => rm(folder, { recursive: true }));
  const [from, to] = [join(folder, 'photos.tar'), join(folder, 'got.tar')];
  await writeFile(from, randomBytes(700_000));
  const file = await open(to, 'w');
  const { alice, bob } = await pair();
  const [a, b] = await connect(alice, bob);
  await Promise.all([
    run(sending, { call: a, createReadStream: () => createReadStream(from) }),
    run(receiving, { call: b, file }),
  ]);
  await file.close();
  expect((await readFile(to)).equals(await readFile(from))).toBe(true);
});
