import type { KeyObject } from 'node:crypto';
import { concat } from '../bytes/bytes.js';
import { type Backend, createProvider, hashBytes, unavailable } from './backend.js';
import { nativeAgreements, nativeKeys, nativeOaep, nativeSignatures } from './native-asymmetric.js';
import type { NativeSecret, Node } from './native-keys.js';
import type { HeldKeys } from './private-keys.js';
import type { CryptoProvider, HashName } from './provider.js';
import { randomPool } from './random-pool.js';
import { orNull, plain } from './results.js';

type NativeBackend = Backend<NativeSecret>;

const TAG_BYTES = 16;
const KEY_WRAP = 'id-aes256-wrap';
const KEY_WRAP_IV = new Uint8Array(8).fill(0xa6);
const HASHES: Readonly<Record<HashName, string>> = { 'SHA-256': 'sha256', 'SHA-512': 'sha512' };

const keys: HeldKeys<NativeSecret> = new WeakMap();
let provider: CryptoProvider | undefined;

/**
 * The backend over Node's own `crypto`. It is synchronous: no operation ever answers a promise.
 *
 * @throws {@link SealMQError} `USAGE_SUITE_UNAVAILABLE` where there is no such module (in a browser)
 */
export function nativeProvider(): CryptoProvider {
  provider ??= createProvider(nativeBackend(nodeCrypto()), keys);
  return provider;
}

/** Asked of the process rather than imported, and by its short name, so that no bundler meets a Node module here. */
function nodeCrypto(): Node {
  const node = globalThis.process?.getBuiltinModule?.('crypto');
  if (node === undefined) throw unavailable("Node's crypto module");
  return node;
}

function nativeBackend(node: Node): NativeBackend {
  const secretKey = secretKeyForm(node);
  return {
    name: 'native',
    supports: () => true,
    randomBytes: randomPool((bytes) => node.randomFillSync(bytes)),
    ...hashes(node, secretKey),
    ...ciphers(node, secretKey),
    ...nativeKeys(node),
    ...nativeSignatures(node),
    ...nativeAgreements(node),
    ...nativeOaep(node),
  };
}

type SecretKeyForm = (bytes: Uint8Array) => Uint8Array | KeyObject;

/**
 * How to hand a symmetric key over. Since Node 24 raw bytes cost 9 µs more than a KeyObject, before that 1 µs less; the
 * KEM functions arrived in the same line.
 */
function secretKeyForm(node: Node): SecretKeyForm {
  return 'encapsulate' in node ? (bytes) => node.createSecretKey(bytes) : (bytes) => bytes;
}

function hashes(node: Node, secretKey: SecretKeyForm) {
  const noSalt = {
    'SHA-256': node.createSecretKey(new Uint8Array(hashBytes('SHA-256'))),
    'SHA-512': node.createSecretKey(new Uint8Array(hashBytes('SHA-512'))),
  };
  return {
    sha256: (data) => plain(node.createHash(HASHES['SHA-256']).update(data).digest()),
    sha512: (data) => plain(node.createHash(HASHES['SHA-512']).update(data).digest()),
    // RFC 5869 §2.2, §2.3 spelled out: two HMACs cost half of hkdfSync.
    hkdf(hash, ikm, salt, info, length) {
      const [name, size] = [HASHES[hash], hashBytes(hash)];
      const extract = node.createHmac(name, salt.length === 0 ? noSalt[hash] : secretKey(salt));
      const prk = secretKey(extract.update(ikm).digest());
      const blocks = Math.ceil(length / size);
      const okm = new Uint8Array(blocks * size);
      for (let block = 0; block < blocks; block++) {
        const end = block * size;
        const expand = node.createHmac(name, prk);
        if (block > 0) expand.update(okm.subarray(end - size, end));
        expand.update(info);
        okm.set(expand.update(Uint8Array.of(block + 1)).digest(), end);
      }
      return okm.length === length ? okm : okm.slice(0, length);
    },
  } satisfies Partial<NativeBackend>;
}

/** Node's name of AES-GCM for a key of this length. */
function gcm(key: Uint8Array): 'aes-128-gcm' | 'aes-256-gcm' {
  return key.length === 16 ? 'aes-128-gcm' : 'aes-256-gcm';
}

function ciphers(node: Node, secretKey: SecretKeyForm) {
  return {
    aesGcmEncrypt(key, iv, aad, plaintext) {
      const cipher = node.createCipheriv(gcm(key), secretKey(key), iv);
      cipher.setAAD(aad);
      const body = cipher.update(plaintext);
      cipher.final();
      return concat(body, cipher.getAuthTag());
    },
    aesGcmEncryptInto(target, key, iv, aad, parts) {
      const cipher = node.createCipheriv(gcm(key), secretKey(key), iv);
      cipher.setAAD(aad);
      // In place: a call for each part would cost more than the copy.
      let end = 0;
      for (const part of parts) {
        target.set(part, end);
        end += part.length;
      }
      target.set(cipher.update(target.subarray(0, end)));
      cipher.final();
      target.set(cipher.getAuthTag(), end);
    },
    aesGcmDecrypt(key, iv, aad, ciphertext) {
      const end = ciphertext.length - TAG_BYTES;
      // The tag is of full length: the door refuses what is shorter.
      const decipher = node.createDecipheriv(gcm(key), secretKey(key), iv);
      decipher.setAAD(aad);
      decipher.setAuthTag(ciphertext.subarray(end));
      const plaintext = decipher.update(ciphertext.subarray(0, end));
      return orNull(() => {
        decipher.final();
        return plain(plaintext);
      });
    },
    // In wrap mode (RFC 3394) update() does everything and final() nothing.
    aesKwWrap: (kek, key) => plain(node.createCipheriv(KEY_WRAP, secretKey(kek), KEY_WRAP_IV).update(key)),
    aesKwUnwrap: (kek, wrapped) =>
      orNull(() => plain(node.createDecipheriv(KEY_WRAP, secretKey(kek), KEY_WRAP_IV).update(wrapped))),
  } satisfies Partial<NativeBackend>;
}
