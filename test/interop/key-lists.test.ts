import { describe, expect, test } from 'vitest';
import { nativeProvider, run } from '../../src/crypto/index.js';
import { keyThumbprint } from '../../src/crypto/thumbprints.js';
import { isSealMQError } from '../../src/errors.js';
import { firstKeyList } from '../../src/protocol/directory/trust.js';
import { peer } from '../peers/require.js';
import { askPython, pythonAvailable } from './python.js';
import { hex, keyOf, named, type Vectors, vectorsOf } from './vectors.js';

const vectors = vectorsOf<Vectors>('envelope.json');
const provider = nativeProvider();

const lists = ['key-list', 'key-list-roll-over', 'key-list-after'].map((name) => named(vectors.statements, name).sign1);
const before = keyOf(vectors, 'directory.1').thumbprint;
const after = keyOf(vectors, 'directory.2').thumbprint;

/** The first list with another last byte, which is one of its signature. */
const wrong = `${lists[0]?.slice(0, -2)}ff`;

/** A chain, the pin it is followed from, and the keys that are trusted behind it; or how it is refused. */
type Chain = readonly [name: string, lists: readonly string[], pinned: string | null, expected: string[] | string];

const chains: readonly Chain[] = [
  ['from the first key', lists, before, [after]],
  ['before the last list', lists.slice(0, 2), before, [before, after]],
  ['from the last key', lists, after, [after]],
  ['from no key of it', lists, '00'.repeat(32), 'unverifiable'],
  ['without a pin', lists, null, [after]],
  ['in the wrong order', lists.toReversed(), after, [after]],
  ['with something else in it', [...lists.slice(0, 2), '00', ...lists.slice(2)], before, 'malformed'],
  ['with a wrong signature', [wrong, ...lists.slice(1)], before, 'unverifiable'],
  ['with a wrong signature by a stranger', [wrong, ...lists.slice(1)], after, [after]],
  ['of more than 16 lists', Array.from({ length: 17 }, () => lists[0] ?? ''), before, 'malformed'],
];

describe.skipIf(!peer('python3-cbor2', pythonAvailable()))('a chain of key lists, read by the reader in Python', () => {
  test.each(chains)('%s', (_, chain, pinned, expected) => {
    const [answer] = askPython([{ op: 'key-lists', lists: chain, pinned }]);
    expect(typeof expected === 'string' ? answer?.kind : answer?.trusted).toEqual(expected);
  });
});

describe('a chain of key lists, read by the library', () => {
  const within = chains.filter(([, chain]) => chain.length <= 16);

  test.each(within)('%s', async (_, chain, pinned, expected) => {
    expect(await trusted(chain, pinned)).toEqual(typeof expected === 'string' ? 'refused' : expected);
  });
});

async function trusted(chain: readonly string[], pinned: string | null): Promise<string[] | 'refused'> {
  const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));
  try {
    const pin = pinned === null ? undefined : bytesOf(pinned);
    const { keys } = await run(firstKeyList(provider, chain.map(bytesOf), pin));
    return await Promise.all(keys.map(async (key) => hex(await run(keyThumbprint(provider, key)))));
  } catch (error) {
    if (isSealMQError(error)) return 'refused';
    throw error;
  }
}
