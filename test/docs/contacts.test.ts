import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { qrSvg } from '../../src/adapters/qr/index.js';
import { createWorld } from '../client/world.js';

const AsyncFunction = (async () => {}).constructor as new (
  ...args: string[]
) => (...values: unknown[]) => Promise<void>;

test('the page’s lines do what they say', async () => {
  const page = await readFile('docs/contacts.md', 'utf8');
  const lines = /```ts\n([\s\S]*?)```/.exec(page)?.[1] as string;
  const world = await createWorld();
  const [alice, bob] = [await world.join('alice'), await world.join('bob')];
  const told: unknown[][] = [];
  const console = { log: (...words: unknown[]) => told.push(words) };
  await new AsyncFunction('alice', 'bob', 'qrSvg', 'console', lines)(alice, bob, qrSvg, console);
  expect(told).toEqual([['Bob', true, false], [true]]);
});
