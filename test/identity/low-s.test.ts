import { expect, test } from 'vitest';
import { concat } from '../../src/bytes/bytes.js';
import { lowS } from '../../src/crypto/low-s.js';
import { nativeProvider } from '../../src/crypto/native.js';
import { run } from '../../src/crypto/steps.js';
import { createAccount, verifyRecord } from '../../src/protocol/identity/index.js';

const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const provider = nativeProvider();

/** The other signature that verifies alike: s becomes n − s. */
function otherForm(signature: Uint8Array): Uint8Array {
  const s = BigInt(`0x${Buffer.from(signature.subarray(32)).toString('hex')}`);
  return concat(signature.subarray(0, 32), Buffer.from((ORDER - s).toString(16).padStart(64, '0'), 'hex'));
}

test('nobody turns a record into a second one of the same version by rewriting its signature', async () => {
  const { record } = await run(createAccount(provider, { address: 'bob', now: 1, suite: 'P256-ESP256' }));
  const signature = record.bytes.subarray(-64);
  expect(lowS(signature)).toEqual(signature);
  const forged = concat(record.bytes.subarray(0, -64), otherForm(signature));
  expect(lowS(otherForm(signature))).toEqual(signature);
  await expect(async () => run(verifyRecord(provider, forged))).rejects.toMatchObject({ code: 'VERIFY_SIGNATURE' });
});

test('what is no signature stays as it is', () => {
  for (const bytes of [new Uint8Array(0), new Uint8Array(63).fill(255), new Uint8Array(64).fill(255)]) {
    expect(lowS(bytes)).toBe(bytes);
  }
});
