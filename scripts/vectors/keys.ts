import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { ed25519, x25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { toHex } from '../../src/bytes/bytes.js';
import { encodePrivateKey, encodePublicKey, type PublicKey } from '../../src/cose/key.js';
import { nativeProvider } from '../../src/crypto/native.js';
import type { KeyAlgorithm, PrivateKey } from '../../src/crypto/provider.js';
import { decodePoint } from '../../src/crypto/public-keys.js';
import { atOnce, run } from '../../src/crypto/steps.js';
import { keyThumbprint } from '../../src/crypto/thumbprints.js';
import { fixedBytes } from './fixed-provider.js';
import type { KeyVector } from './types.js';

/** The cast: alice and bob's phone have the default suite, carol and bob's laptop P-256, dave and bob's gateway RSA. */
const CAST: Readonly<Record<string, KeyAlgorithm>> = {
  'alice.identity': 'Ed25519',
  'alice.sign': 'Ed25519',
  'alice.seal': 'X25519',
  'alice.identity.2': 'Ed25519',
  'alice.sign.2': 'Ed25519',
  'alice.seal.2': 'X25519',
  'alice.tablet.sign': 'Ed25519',
  'alice.tablet.seal': 'X25519',
  'bob.identity': 'Ed25519',
  'bob.phone.sign': 'Ed25519',
  'bob.phone.seal': 'X25519',
  'bob.laptop.sign': 'ESP256',
  'bob.laptop.seal': 'P-256',
  'bob.gateway.sign': 'PS256',
  'bob.gateway.seal': 'RSA-OAEP-256',
  'carol.identity': 'ESP256',
  'carol.sign': 'ESP256',
  'carol.seal': 'P-256',
  'dave.identity': 'PS256',
  'dave.sign': 'PS256',
  'dave.seal': 'RSA-OAEP-256',
  'mallory.sign': 'Ed25519',
  'mallory.seal': 'X25519',
  'directory.1': 'Ed25519',
  'directory.2': 'Ed25519',
};

/** RSA keys cannot be drawn from a fixed stream: they were drawn once and are kept. */
const RSA_KEYS = new URL('../../test/vectors/envelope-rsa-keys.json', import.meta.url);

const native = nativeProvider();
const rsaKeys: Record<string, string> = existsSync(RSA_KEYS) ? JSON.parse(readFileSync(RSA_KEYS, 'utf8')) : {};

/** The fixed keys by name. */
export const keys: Readonly<Record<string, PrivateKey>> = Object.fromEntries(
  Object.entries(CAST).map(([name, algorithm]) => [
    name,
    atOnce(native.importPrivateKey(algorithm, coseKeyOf(name, algorithm))),
  ]),
);

/** The key of that name. */
export function key(name: string): PrivateKey {
  const found = keys[name];
  if (!found) throw new RangeError(`no key ${name}`);
  return found;
}

/** The name of a key of the cast. */
export function nameOf(publicKey: PublicKey): string {
  const wanted = toHex(encodePublicKey(publicKey));
  const found = Object.entries(keys).find(([, candidate]) => toHex(encodePublicKey(candidate.publicKey)) === wanted);
  if (!found) throw new RangeError('not a key of the cast');
  return found[0];
}

/** RFC 9679 thumbprint of the key of that name. */
export function thumbprintOf(name: string): Uint8Array {
  return atOnce(run(keyThumbprint(native, key(name).publicKey)));
}

/** The cast as vectors. */
export function keyVectors(): Record<string, KeyVector> {
  return Object.fromEntries(
    Object.entries(keys).map(([name, { algorithm, publicKey }]) => [
      name,
      {
        algorithm,
        privateKey: toHex(coseKeyOf(name, algorithm)),
        publicKey: toHex(encodePublicKey(publicKey)),
        thumbprint: toHex(thumbprintOf(name)),
      },
    ]),
  );
}

function coseKeyOf(name: string, algorithm: KeyAlgorithm): Uint8Array {
  if (algorithm === 'PS256' || algorithm === 'RSA-OAEP-256') return rsaKeyOf(name, algorithm);
  const d = fixedBytes(`key/${name}`);
  return encodePrivateKey(publicKeyOf(algorithm, d), { d });
}

function publicKeyOf(algorithm: Exclude<KeyAlgorithm, 'PS256' | 'RSA-OAEP-256'>, d: Uint8Array): PublicKey {
  if (algorithm === 'Ed25519') return { kty: 'OKP', crv: 'Ed25519', x: ed25519.getPublicKey(d) };
  if (algorithm === 'X25519') return { kty: 'OKP', crv: 'X25519', x: x25519.getPublicKey(d) };
  return decodePoint(p256.getPublicKey(d, false));
}

function rsaKeyOf(name: string, algorithm: KeyAlgorithm): Uint8Array {
  const kept = rsaKeys[name];
  if (kept !== undefined) return new Uint8Array(Buffer.from(kept, 'hex'));
  const drawn = atOnce(native.exportPrivateKey(atOnce(native.generateKey(algorithm))));
  rsaKeys[name] = toHex(drawn);
  writeFileSync(RSA_KEYS, `${JSON.stringify(rsaKeys, null, 2)}\n`);
  return drawn;
}
