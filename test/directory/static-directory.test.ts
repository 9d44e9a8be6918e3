import { describe, expect, it } from 'vitest';
import { staticDirectory } from '../../src/adapters/directory/static-directory.js';
import { accountOf, codeOf, provider } from './fixtures.js';

describe('staticDirectory', () => {
  it('answers the records it was made with', async () => {
    const [alice, bob] = [await accountOf('alice'), await accountOf('bob')];
    const directory = await staticDirectory({ provider, records: [alice.record.bytes, bob.record.bytes], maxAge: 60 });
    expect(await directory.lookup('bob')).toEqual({ kind: 'record', record: bob.record.bytes, maxAge: 60 });
    expect(await directory.time()).toBeUndefined();
  });

  it('refuses two records of one address, and one that does not verify', async () => {
    const [one, two] = [await accountOf('alice'), await accountOf('alice')];
    const records = [one.record.bytes, two.record.bytes];
    expect(await codeOf(staticDirectory({ provider, records }))).toBe('USAGE_INVALID_ARGUMENT');
    const forged = one.record.bytes.slice();
    forged.set([(forged.at(-1) ?? 0) ^ 1], forged.length - 1);
    expect(await codeOf(staticDirectory({ provider, records: [forged] }))).toBe('VERIFY_SIGNATURE');
  });
});
