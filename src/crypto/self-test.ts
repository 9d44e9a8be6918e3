import { fromBase64url } from '../bytes/base64url.js';
import { equal } from '../bytes/bytes.js';
import { type Ec2PublicKey, encodePrivateKey, type OkpPublicKey } from '../cose/key.js';
import type { CryptoProvider, HashName, KeyAlgorithm } from './provider.js';

/** One thing that a provider must be able to do; `algorithm` names the keys that it takes, if any. */
interface Check {
  readonly name: string;
  readonly algorithm?: KeyAlgorithm;
  run(provider: CryptoProvider): Promise<boolean>;
}

const b = fromBase64url;

/** FIPS 180-2 §B.1. */
const ABC = { message: b('YWJj'), digest: b('ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0') };
/** FIPS 180-2 §C.1. */
const ABC_512 = b('3a81oZNherrMQXNJriBBMRLm-k6JqX6iCp7u5ktV05ohkpkqJ0_BqDa6PCOj_uu9RU1EI2Q86A4qmslPpUyknw');
/** RFC 5869 §A.1; its inputs over SHA-512 as well. */
const HKDF = {
  ikm: b('CwsLCwsLCwsLCwsLCwsLCwsLCwsLCw'),
  salt: b('AAECAwQFBgcICQoLDA'),
  info: b('8PHy8_T19vf4-Q'),
  okm: {
    'SHA-256': b('PLJfJfqs1XqQQ09k0DYvKi0tCpDPGlpMXbAtVuzExb80AHII1biHGFhl'),
    'SHA-512': b('gyOQCGzacftHYlu1zrFo5MjiahoW7TTZ_H_pLBSBV5M42jYsuNn5JdfL'),
  },
};
/** RFC 3394 §4.6. */
const KEY_WRAP = {
  kek: b('AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8'),
  key: b('ABEiM0RVZneImaq7zN3u_wABAgMEBQYHCAkKCwwNDg8'),
  wrapped: b('KMn0BMS4EPTLzLNc-4f4Jj9XhuLYDtMmy8fw5xqZ9Dv7mIubegLdIQ'),
};
/** McGrew & Viega, The Galois/Counter Mode of Operation, test case 16; `long` is over 8,192 zero bytes, as SHA-256. */
const GCM = {
  key: b('_v_pkoZlcxxtao-UZzCDCP7_6ZKGZXMcbWqPlGcwgwg'),
  iv: b('yv66vvrO263eyviI'),
  aad: b('_u36zt6tvu_-7frO3q2-76ut2tI'),
  plaintext: b('2TEyJfiEBuWlWQnFr_UmmoanqVMVNPfaLkwwPYoxinIcPAyVlWgJUy_PDiRJprUlsWrt9aoN5le6Y3s5'),
  ciphertext: b(
    'Ui3B8JlWfQf0fzejKoRCfWQ6jNy_5cDJdZiivSVV0aqMsI5IWQ27PaewixBWgog4xfYeY5O6egq8yfZidvxuzg9OF2jN34hTuy1VGw',
  ),
  long: b('oxzPb6YXuraXG_q3CZOxQFeijvDsPSbyAYHSVzFXrQ0'),
};
/** RFC 8032 §7.1, test 3. */
const ED25519 = {
  key: okp('Ed25519', '_FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU'),
  d: b('xaqN9D-fg3vtt0QvMdy3sWbThTUHbwlLhc46LgtEWPc'),
  message: b('r4I'),
  signature: b('YpHWV97sJAJIJ-acOr4BowzlSKKEdDpEXjaA19taw6wY_5tTjRbykK5n92CYTcZZSnwV6XFu0o3AJ77O6h7ECg'),
};
/** RFC 7748 §6.1. */
const X25519 = {
  key: okp('X25519', 'hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo'),
  d: b('dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo'),
  peer: okp('X25519', '3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08'),
  sharedSecret: b('Sl2dW6TOLeFyjjv0gDUPJeB-IclH0Z4zdvCbPB4WF0I'),
};
/** RFC 5903 §8.1. */
const P256 = {
  key: ec2('2tC2U5QiHPmwUeH-yleH0Jjf5jf8kLnvlF0MN3JYEYA', 'UnGgRhzbglLWHxxFb6PlmrH0WzOsz19YOJ4Fd7iZC7M'),
  d: b('yI8B9RDZrD9wopLaojFt5UTpqriv6EBJxiqcV4YtFDM'),
  peer: ec2('0S37UonI1PgSCLcCcDmMNCKWlwoLzLdMc2_HVUSUv2M', 'VvvzyjZswj6BV4VME8WNaqwj8Eatow-DU-dPMwOYcqs'),
  sharedSecret: b('1oQPa0L27a_RMRbg4SVlIC_vjp7Ofc4DgSRk0EuUQt4'),
};
/** RFC 6979 §A.2.5, "sample". */
const ECDSA = {
  key: ec2('YP7UuiVanTHJYet0xjVtaMBJuJI7Yfps5mliLmDyn7Y', 'eQP-EAi4vJmkGunpVii8ZPLxsgwtfp9Rd6PClNRGIpk'),
  d: b('ya-p2EW6dRZrXCFXZ7HWk05Qw9s26JsSe4piKxIPZyE'),
  message: b('c2FtcGxl'),
  signature: b('79SLKqy2qP0RQN2c1F6B1p0sh3tWqvmRw00OqE6vNxb3yxyULWV8QdQ2x6G24p9l8-kA27mv9AZNxKsvhDrNqA'),
};

const LONG_BYTES = 8192;

const checks: readonly Check[] = [
  { name: 'random bytes', run: async (p) => !equal(p.randomBytes(32), p.randomBytes(32)) },
  { name: 'SHA-256', run: async (p) => equal(await p.sha256(ABC.message), ABC.digest) },
  { name: 'SHA-512', run: async (p) => equal(await p.sha512(ABC.message), ABC_512) },
  { name: 'HKDF-SHA-256', run: (p) => checkHkdf(p, 'SHA-256') },
  { name: 'HKDF-SHA-512', run: (p) => checkHkdf(p, 'SHA-512') },
  { name: 'AES-256 key wrap', run: checkKeyWrap },
  { name: 'AES-256-GCM', run: checkGcm },
  { name: 'AES-256-GCM, long', run: checkLongGcm },
  { name: 'Ed25519', algorithm: 'Ed25519', run: (p) => checkSignature(p, 'Ed25519', ED25519) },
  { name: 'ESP256', algorithm: 'ESP256', run: (p) => checkSignature(p, 'ESP256', ECDSA) },
  { name: 'X25519', algorithm: 'X25519', run: (p) => checkAgreement(p, 'X25519', X25519) },
  { name: 'X25519, low-order point', algorithm: 'X25519', run: checkLowOrder },
  { name: 'P-256', algorithm: 'P-256', run: (p) => checkAgreement(p, 'P-256', P256) },
];

/**
 * Tries every primitive against published known answers, and against a changed input where it must refuse. RSA is left
 * out: making a key takes too long, and no suite that is the default needs it.
 *
 * @returns the names of what failed; empty for a provider to rely on
 */
export async function selfTest(provider: CryptoProvider): Promise<readonly string[]> {
  const failed: string[] = [];
  for (const { name, algorithm, run } of checks) {
    if (algorithm !== undefined && !provider.supports(algorithm)) continue;
    const passed = await run(provider).catch(() => false);
    if (!passed) failed.push(name);
  }
  return failed;
}

async function checkHkdf(provider: CryptoProvider, hash: HashName): Promise<boolean> {
  const { ikm, salt, info, okm } = HKDF;
  return equal(await provider.hkdf(hash, ikm, salt, info, okm[hash].length), okm[hash]);
}

async function checkKeyWrap(provider: CryptoProvider): Promise<boolean> {
  const { kek, key, wrapped } = KEY_WRAP;
  const unwrapped = await provider.aesKwUnwrap(kek, wrapped);
  return (
    equal(await provider.aesKwWrap(kek, key), wrapped) &&
    unwrapped !== null &&
    equal(unwrapped, key) &&
    (await provider.aesKwUnwrap(kek, changed(wrapped))) === null
  );
}

async function checkGcm(provider: CryptoProvider): Promise<boolean> {
  const { key, iv, aad, plaintext, ciphertext } = GCM;
  const opened = await provider.aesGcmDecrypt(key, iv, aad, ciphertext);
  return (
    equal(await provider.aesGcmEncrypt(key, iv, aad, plaintext), ciphertext) &&
    opened !== null &&
    equal(opened, plaintext) &&
    (await provider.aesGcmDecrypt(key, iv, aad, changed(ciphertext))) === null
  );
}

/** Over so much data backends take another way than over little. */
async function checkLongGcm(provider: CryptoProvider): Promise<boolean> {
  const { key, iv, aad, long } = GCM;
  const ciphertext = await provider.aesGcmEncrypt(key, iv, aad, new Uint8Array(LONG_BYTES));
  const opened = await provider.aesGcmDecrypt(key, iv, aad, ciphertext);
  return (
    equal(await provider.sha256(ciphertext), long) &&
    opened !== null &&
    equal(opened, new Uint8Array(LONG_BYTES)) &&
    (await provider.aesGcmDecrypt(key, iv, aad, changed(ciphertext))) === null
  );
}

async function checkSignature(
  provider: CryptoProvider,
  algorithm: 'Ed25519' | 'ESP256',
  known: typeof ED25519 | typeof ECDSA,
): Promise<boolean> {
  const { message, signature } = known;
  const key = await provider.importPrivateKey(algorithm, encodePrivateKey(known.key, known));
  const fresh = await provider.sign(key, message);
  return (
    (await provider.verify(algorithm, known.key, message, signature)) &&
    (await provider.verify(algorithm, known.key, message, fresh)) &&
    !(await provider.verify(algorithm, known.key, message, changed(signature))) &&
    !(await provider.verify(algorithm, known.key, changed(message), signature))
  );
}

async function checkAgreement(
  provider: CryptoProvider,
  algorithm: 'X25519' | 'P-256',
  known: typeof X25519 | typeof P256,
): Promise<boolean> {
  const key = await provider.importPrivateKey(algorithm, encodePrivateKey(known.key, known));
  const shared = await provider.agree(key, known.peer);
  const theirs = await provider.agreeEphemeral(known.key);
  const ours = await provider.agree(key, theirs.ephemeralKey);
  return shared !== null && equal(shared, known.sharedSecret) && ours !== null && equal(ours, theirs.sharedSecret);
}

/** RFC 7748 §6.1: u = 0 leads to an all-zero secret. */
async function checkLowOrder(provider: CryptoProvider): Promise<boolean> {
  const key = await provider.importPrivateKey('X25519', encodePrivateKey(X25519.key, X25519));
  return (await provider.agree(key, { kty: 'OKP', crv: 'X25519', x: new Uint8Array(32) })) === null;
}

function changed(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte));
}

function okp(crv: OkpPublicKey['crv'], x: string): OkpPublicKey {
  return { kty: 'OKP', crv, x: b(x) };
}

function ec2(x: string, y: string): Ec2PublicKey {
  return { kty: 'EC2', crv: 'P-256', x: b(x), y: b(y) };
}
