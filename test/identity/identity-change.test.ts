import { expect, test } from 'vitest';
import { nativeProvider } from '../../src/crypto/native.js';
import { run } from '../../src/crypto/steps.js';
import {
  type Account,
  compareRecords,
  createAccount,
  enterDevice,
  type KeyRecord,
  nextRecord,
  signRecord,
  vouchForIdentity,
} from '../../src/protocol/identity/index.js';

const provider = nativeProvider();

/** The next record of `account` under a new identity key, which the old one vouches for. */
async function changeIdentity(account: Account): Promise<Account> {
  const { record, device } = account;
  const { address } = record;
  const fresh = await run(createAccount(provider, { address, now: 2 }));
  const { identityKey } = fresh;
  const entry = await run(
    enterDevice(provider, device, { address, identity: fresh.record.identity }, { notBefore: 2 }),
  );
  const identityChange = await run(vouchForIdentity(provider, account.identityKey, address, identityKey.publicKey));
  const content = { ...record, version: record.version + 1, previous: record.hash, devices: [entry] };
  const changed = await run(
    signRecord(provider, identityKey, {
      address,
      version: content.version,
      issuedAt: 2,
      expiresAt: record.expiresAt,
      previous: content.previous,
      identityKey: identityKey.publicKey,
      capabilities: record.capabilities,
      devices: content.devices,
      identityChange,
    }),
  );
  return { identityKey, device, record: changed };
}

test('a new identity that the old one vouches for is a change; the old one afterwards is a rollback, for good', async () => {
  const before = await run(createAccount(provider, { address: 'bob', now: 1 }));
  const after = await changeIdentity(before);
  const compare = (known: KeyRecord, next: KeyRecord) => run(compareRecords(provider, known, next));
  expect(await compare(before.record, after.record)).toEqual({ kind: 'identity-changed', vouched: true });
  expect(await compare(after.record, before.record)).toEqual({ kind: 'rollback' });

  const later = await run(nextRecord(provider, after.identityKey, after.record, (devices) => devices, 3));
  expect(await compare(after.record, later)).toMatchObject({ kind: 'newer' });
  expect(await compare(before.record, later)).toEqual({ kind: 'identity-changed', vouched: true });
  expect(await compare(later, before.record)).toEqual({ kind: 'rollback' });
});
