import type { PublicKey } from '../cose/key.js';
import type { KeyAlgorithm, SignatureName } from './provider.js';

/** The key agreements among the key management algorithms. */
export type AgreementName = 'X25519' | 'P-256';

type KeyKind = 'Ed25519' | 'X25519' | 'P-256' | 'RSA';

const KIND: Readonly<Record<KeyAlgorithm, KeyKind>> = {
  Ed25519: 'Ed25519',
  ESP256: 'P-256',
  PS256: 'RSA',
  X25519: 'X25519',
  'P-256': 'P-256',
  'RSA-OAEP-256': 'RSA',
};

/** Length of an Ed25519 signature, and of an ECDSA one on P-256 as r ‖ s. */
const CURVE_SIGNATURE_BYTES = 64;

/** Whether `key` is of the type and curve that `algorithm` works with. */
export function isKeyFor(algorithm: KeyAlgorithm, key: PublicKey): boolean {
  return kindOf(key) === KIND[algorithm];
}

/** The key agreement that `key` takes part in, or `null` when it is no key for that. */
export function agreementOf(key: PublicKey): AgreementName | null {
  const kind = kindOf(key);
  return kind === 'X25519' || kind === 'P-256' ? kind : null;
}

/** Type guard: an algorithm to sign with. */
export function isSignatureName(algorithm: KeyAlgorithm): algorithm is SignatureName {
  return algorithm === 'Ed25519' || algorithm === 'ESP256' || algorithm === 'PS256';
}

/** Length in bytes of every signature that `key` verifies. */
export function signatureLength(key: PublicKey): number {
  return key.kty === 'RSA' ? key.n.length : CURVE_SIGNATURE_BYTES;
}

function kindOf(key: PublicKey): KeyKind {
  return key.kty === 'RSA' ? 'RSA' : key.crv;
}
