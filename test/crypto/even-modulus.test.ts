import { describe, expect, test } from 'vitest';
import type { PublicKey } from '../../src/cose/key.js';
import { nativeProvider, webcryptoProvider } from '../../src/crypto/index.js';

const n = new Uint8Array(384).fill(0xfe);
const even: PublicKey = { kty: 'RSA', n, e: Uint8Array.of(1, 0, 1) };

describe.each([nativeProvider(), webcryptoProvider()])('$name', (provider) => {
  test('an RSA key with an even modulus is DECODE_KEY when something is to be encrypted to it', async () => {
    const encrypt = async () => provider.rsaOaepEncrypt({ ...even }, new Uint8Array(32));
    // A library may also take the key as it is: nobody can decrypt then, which is the receiver's own doing.
    const outcome = await encrypt().catch((error) => error.code);
    expect(outcome instanceof Uint8Array || outcome === 'DECODE_KEY').toBe(true);
  });
});
