import { expect, test } from 'vitest';
import { qrSvg } from '../../src/adapters/qr/index.js';
import { createWorld } from '../client/world.js';
import { program, snippets } from './snippets.js';

test('the page’s lines do what they say', async () => {
  const [lines] = snippets('docs/contacts.md', 'ts') as [string];
  const world = await createWorld();
  const [alice, bob] = [await world.join('alice'), await world.join('bob')];
  const told: unknown[][] = [];
  const console = { log: (...words: unknown[]) => told.push(words) };
  await program(['alice', 'bob', 'qrSvg', 'console'], lines)(alice, bob, qrSvg, console);
  expect(told).toEqual([['Bob', true, false], [true]]);
});
