import { describe, expect, test } from 'vitest';
import { backends, hex, readVectors, rsaCoseKey, rsaPublicKey } from './backends.js';

const rsa = readVectors<{
  oaep: readonly { name: string; plaintext: string | null; ciphertext: string }[];
  signatures: readonly { name: string; message: string; signature: string; valid: boolean }[];
}>('rsa-3072.json');

describe.each(backends.filter(({ provider }) => provider.supports('PS256')))('$label', ({ provider }) => {
  test.each(rsa.oaep)('RSA-OAEP-256: $name', async ({ plaintext, ciphertext }) => {
    const key = await provider.importPrivateKey('RSA-OAEP-256', rsaCoseKey);
    const opened = await provider.rsaOaepDecrypt(key, hex(ciphertext));
    expect(opened).toEqual(plaintext === null ? null : hex(plaintext));
  });

  test.each(rsa.signatures)('PS256: $name', async ({ message, signature, valid }) => {
    expect(await provider.verify('PS256', rsaPublicKey, hex(message), hex(signature))).toBe(valid);
  });

  test('PS256: signs so that it verifies, each time anew', async () => {
    const key = await provider.importPrivateKey('PS256', rsaCoseKey);
    const message = hex('54657374');
    const [first, second] = [await provider.sign(key, message), await provider.sign(key, message)];
    expect(first).not.toEqual(second);
    expect(await provider.verify('PS256', rsaPublicKey, message, first)).toBe(true);
    expect(await provider.verify('PS256', rsaPublicKey, message, second)).toBe(true);
  });

  test('exports what it imported, byte for byte', async () => {
    for (const algorithm of ['PS256', 'RSA-OAEP-256'] as const) {
      const key = await provider.importPrivateKey(algorithm, rsaCoseKey);
      expect(await provider.exportPrivateKey(key)).toEqual(rsaCoseKey);
    }
  });
});

test('two backends know RSA, noble does not', () => {
  const labels = backends.filter(({ provider }) => provider.supports('RSA-OAEP-256')).map(({ label }) => label);
  expect(labels).toEqual(['native', 'webcrypto', 'webcrypto without plain JavaScript']);
});
