import { describe, expect, test } from 'vitest';
import { encodeCbor } from '../../src/bytes/cbor.js';
import { run } from '../../src/crypto/steps.js';
import {
  type Account,
  compareRecords,
  type KeyRecord,
  type RecordContent,
  signRecord,
  vouchForIdentity,
} from '../../src/protocol/identity/index.js';
import { sign } from '../../src/protocol/signed.js';
import { backends, native } from '../envelope/parties.js';
import { account, addDeviceOf, contentOf, NOW, next, now, resigned } from './accounts.js';
import { deepFreeze, snapshot } from './deep-freeze.js';

const alice = account('alice');
const v1 = alice.record;
const v2 = next(alice, v1, addDeviceOf(alice));
const v3 = next(alice, v2, addDeviceOf(alice));
const compare = (known: KeyRecord | undefined, record: KeyRecord) => now(compareRecords(native, known, record));

describe('a record of the same identity', () => {
  test.each<[string, KeyRecord | undefined, KeyRecord, string]>([
    ['when nothing is known', undefined, v1, 'first'],
    ['when nothing is known, whatever its version', undefined, v3, 'first'],
    ['again', v2, v2, 'unchanged'],
    ['one version on', v1, v2, 'newer'],
    ['two versions on: one was missed', v1, v3, 'newer'],
    ['one version back', v2, v1, 'rollback'],
    ['two versions back', v3, v1, 'rollback'],
  ])('%s', (_, known, record, kind) => {
    expect(compare(known, record).kind).toBe(kind);
  });

  test('another one of the same version is a conflict', () => {
    const other = next(alice, v1, addDeviceOf(alice));
    expect(other.version).toBe(v2.version);
    expect(compare(v2, other)).toEqual({ kind: 'conflict' });
    expect(compare(other, v2)).toEqual({ kind: 'conflict' });
    expect(compare(v1, resigned(alice, { issuedAt: NOW + 1 }))).toEqual({ kind: 'conflict' });
  });

  test('the next version that does not follow the known one is a conflict', () => {
    const fork = next(alice, v1, addDeviceOf(alice));
    expect(compare(fork, v3)).toEqual({ kind: 'conflict' });
    const detached = resigned(alice, { version: 2, previous: new Uint8Array(32) });
    expect(compare(v1, detached)).toEqual({ kind: 'conflict' });
  });

  test('an unchanged one is read from its bytes as equal', () => {
    const reread = { ...v2, hash: v2.hash.slice() };
    expect(compare(v2, reread)).toEqual({ kind: 'unchanged' });
  });

  test('of another address is refused, whoever signed it', () => {
    const bob = resigned(account('bob'), {});
    expect(compare(v1, bob)).toEqual({ kind: 'wrong-address' });
    expect(compare(bob, v1)).toEqual({ kind: 'wrong-address' });
  });
});

describe('capabilities', () => {
  const withSuites = (suites: string[], profiles = ['sealmq/1']) =>
    now(
      signRecord(native, alice.identityKey, {
        ...contentOf(v2),
        capabilities: { suites, profiles },
      }),
    );
  const all = v1.capabilities.suites;

  test('that stay or grow are nothing special', () => {
    expect(compare(v1, v2)).toEqual({ kind: 'newer', dropped: [] });
    expect(compare(v1, withSuites([...all, 'X-Wing']))).toEqual({ kind: 'newer', dropped: [] });
    expect(compare(v1, withSuites([...all].reverse()))).toEqual({ kind: 'newer', dropped: [] });
  });

  test('that are dropped are named', () => {
    expect(compare(v1, withSuites(all.slice(1)))).toEqual({ kind: 'newer', dropped: [all[0]] });
    expect(compare(v1, withSuites([...all], ['sealmq/2']))).toEqual({ kind: 'newer', dropped: ['sealmq/1'] });
    expect(compare(v1, withSuites([], []))).toEqual({ kind: 'newer', dropped: ['sealmq/1', ...all] });
  });
});

describe.each(['X25519-Ed25519', 'P256-ESP256', 'RSA3072-PS256'] as const)(
  'a new identity key of suite %s',
  async (suite) => {
    const successor = account('alice', suite);
    const content = contentOf(successor.record);
    const vouch = now(vouchForIdentity(native, alice.identityKey, 'alice', successor.identityKey.publicKey));

    /** The new identity's record in place of `v3`'s successor. */
    function changed(changes: Partial<RecordContent>): KeyRecord {
      const version = { version: 4, previous: v3.hash };
      return now(signRecord(native, successor.identityKey, { ...content, ...version, ...changes }));
    }

    test('that the old one vouches for', async () => {
      for (const provider of backends.filter(({ supports }) => supports(successor.identityKey.algorithm))) {
        const change = await run(compareRecords(provider, v3, changed({ identityChange: vouch })));
        expect(change).toEqual({ kind: 'identity-changed', vouched: true });
      }
    });

    test.each<[string, () => KeyRecord]>([
      ['without a word of the old one', () => changed({})],
      ['that starts its own numbering', () => successor.record],
      ['that vouches for itself', () => changed({ identityChange: vouchBy(successor, 'alice', successor) })],
      ['that a stranger vouches for', () => changed({ identityChange: vouchBy(account('alice'), 'alice', successor) })],
      [
        'whose predecessor vouched for another',
        () => changed({ identityChange: vouchBy(alice, 'alice', account('alice')) }),
      ],
      [
        'whose predecessor vouched at another address',
        () => changed({ identityChange: vouchBy(alice, 'bob', successor) }),
      ],
      ['whose predecessor said something else', () => changed({ identityChange: saidOtherwise(false) })],
      ['with a word that carries its own payload', () => changed({ identityChange: saidOtherwise(true) })],
      ['that a mere device vouches for', () => changed({ identityChange: vouchByDevice() })],
      ['with a vouched version that is no higher', () => changed({ version: 3, identityChange: vouch })],
    ])('%s is not vouched for', (_, make) => {
      expect(compare(v3, make())).toEqual({ kind: 'identity-changed', vouched: false });
    });

    function saidOtherwise(withPayload: boolean): Uint8Array {
      const payload = encodeCbor('yes');
      return now(sign(native, alice.identityKey, { purpose: 'identity-change', payload, detached: !withPayload }));
    }

    function vouchByDevice(): Uint8Array {
      return now(vouchForIdentity(native, alice.device.signKey, 'alice', successor.identityKey.publicKey));
    }
  },
);

test('comparing leaves both records as they were', () => {
  const known = deepFreeze({ ...v2 });
  const record = deepFreeze({ ...v3 });
  const before = snapshot([known, record]);
  compare(known, record);
  expect(snapshot([known, record])).toBe(before);
});

function vouchBy(by: Account, address: string, successor: Account): Uint8Array {
  return now(vouchForIdentity(native, by.identityKey, address, successor.identityKey.publicKey));
}
