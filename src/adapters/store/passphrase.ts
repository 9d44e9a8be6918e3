import { scryptAsync } from '@noble/hashes/scrypt.js';
import { utf8 } from '../../bytes/bytes.js';
import { encodeCbor } from '../../bytes/cbor.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { SealMQError } from '../../errors.js';
import { nodeBuiltin } from './node-builtin.js';
import { bytesField, countField, decodeVersioned } from './versioned-map.js';

/** Costs of scrypt (RFC 7914): N = 2^logN, block size, parallelism. */
interface ScryptCosts {
  readonly logN: number;
  readonly r: number;
  readonly p: number;
}

/** 128 MiB and some 0.3 s on a desktop of 2024 (OWASP's recommendation). */
const COSTS: ScryptCosts = { logN: 17, r: 8, p: 1 };
/** A forged container must not exhaust memory or time: twice the memory of {@link COSTS}, four times the passes. */
const MAX_MEMORY = 256 * 1024 * 1024;
const MAX_PARALLEL = 4;

const VERSION = 1;
const SALT_BYTES = 16;
const IV_BYTES = 12;
const KEY_BYTES = 32;

/**
 * Encrypts `bytes` under a passphrase: scrypt (RFC 7914; N = 2¹⁷, r = 8, p = 1, fresh salt of 16 bytes), then AES-256-GCM.
 * The passphrase is brought to Unicode normalisation form C first (RFC 8265 §4.2.2), so that keyboards agree.
 *
 * @param purpose - what the bytes are for; opens only with the same (it is the additional data)
 * @returns deterministic CBOR `{version: 1, logN, r, p, salt, iv, ciphertext}`
 * @throws `USAGE_INVALID_ARGUMENT` for an empty passphrase
 */
export async function wrapWithPassphrase(
  provider: CryptoProvider,
  bytes: Uint8Array,
  passphrase: string,
  purpose: string,
): Promise<Uint8Array> {
  const salt = provider.randomBytes(SALT_BYTES);
  const iv = provider.randomBytes(IV_BYTES);
  const key = await derive(passphrase, salt, COSTS);
  const ciphertext = await provider.aesGcmEncrypt(key, iv, utf8(purpose), bytes);
  return encodeCbor(new Map(Object.entries({ version: VERSION, ...COSTS, salt, iv, ciphertext })));
}

/**
 * Decrypts what {@link wrapWithPassphrase} made.
 *
 * @throws `STATE_WRONG_PASSPHRASE` for another passphrase or purpose, or an altered ciphertext (they cannot be told
 *   apart); `STATE_CORRUPT` when the container does not parse or asks for more than 256 MiB; `STATE_NEWER_SCHEMA` when a
 *   newer release wrote it; `USAGE_INVALID_ARGUMENT` for an empty passphrase
 */
export async function unwrapWithPassphrase(
  provider: CryptoProvider,
  wrapped: Uint8Array,
  passphrase: string,
  purpose: string,
): Promise<Uint8Array> {
  const { costs, salt, iv, ciphertext } = parse(wrapped);
  const key = await derive(passphrase, salt, costs);
  const bytes = await provider.aesGcmDecrypt(key, iv, utf8(purpose), ciphertext);
  if (bytes === null) throw new SealMQError('STATE_WRONG_PASSPHRASE', 'the passphrase does not open it');
  return bytes;
}

async function derive(passphrase: string, salt: Uint8Array, { logN, r, p }: ScryptCosts): Promise<Uint8Array> {
  if (passphrase === '') throw new SealMQError('USAGE_INVALID_ARGUMENT', 'the passphrase is empty');
  const password = utf8(passphrase.normalize('NFC'));
  const N = 2 ** logN;
  const maxmem = 128 * r * (N + p) + 1024 * 1024;
  const crypto = nodeBuiltin('crypto');
  if (crypto === undefined) return scryptAsync(password, salt, { N, r, p, maxmem, dkLen: KEY_BYTES });
  return new Promise((resolve, reject) => {
    crypto.scrypt(password, salt, KEY_BYTES, { N, r, p, maxmem }, (error, key) => {
      if (error === null) resolve(new Uint8Array(key));
      else reject(new SealMQError('STATE_UNAVAILABLE', 'scrypt failed', error));
    });
  });
}

function parse(wrapped: Uint8Array) {
  const map = decodeVersioned(wrapped, VERSION);
  const costs = { logN: countField(map, 'logN'), r: countField(map, 'r'), p: countField(map, 'p') };
  if (costs.p > MAX_PARALLEL || 128 * costs.r * 2 ** costs.logN > MAX_MEMORY) {
    throw new SealMQError('STATE_CORRUPT', 'scrypt parameters are out of bounds');
  }
  return {
    costs,
    salt: bytesField(map, 'salt', SALT_BYTES),
    iv: bytesField(map, 'iv', IV_BYTES),
    ciphertext: bytesField(map, 'ciphertext'),
  };
}
