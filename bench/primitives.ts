/**
 * The raw node:crypto calls that sealing and opening cannot do without, with nothing around them: the yardstick. Keys are
 * imported once, as ours are; what a message brings (its ephemeral key) is made and imported for each.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  randomFillSync,
  sign,
  verify,
} from 'node:crypto';

const receiver = generateKeyPairSync('x25519');
const signer = generateKeyPairSync('ed25519');
const WRAP_IV = Buffer.alloc(8, 0xa6);
const info = Buffer.alloc(110, 1);
const aad = Buffer.alloc(60, 2);
const noSalt = Buffer.alloc(32);
const recipients = Buffer.alloc(101, 3);
const one = Buffer.of(1);

/** Claims, key id and signature of the signed part, beyond the payload. */
const SIGNED_OVERHEAD = 190;

function keyEncryptionKey(secret: Uint8Array): Uint8Array {
  const prk = createHmac('sha256', noSalt).update(secret).digest();
  return createHmac('sha256', prk).update(info).update(one).digest();
}

/** A fresh X25519 key pair; encoding the public half in the same call is the fastest safe way on Node 20. */
function ephemeral(): { publicKey: JsonWebKey; privateKey: KeyObject } {
  const generate = generateKeyPairSync as unknown as (type: string, options: object) => ReturnType<typeof ephemeral>;
  return generate('x25519', { publicKeyEncoding: { format: 'jwk' } });
}

/** What sealing leaves behind, for {@link openPrimitives}. */
export interface Parts {
  readonly publicKey: JsonWebKey;
  readonly wrapped: Uint8Array;
  readonly iv: Uint8Array;
  readonly body: Uint8Array;
  readonly tag: Uint8Array;
  readonly toBeSigned: Uint8Array;
  readonly signature: Uint8Array;
}

export function sealPrimitives(payload: Uint8Array): Parts {
  const random = randomFillSync(Buffer.allocUnsafe(60));
  const cek = random.subarray(0, 32);
  const iv = random.subarray(32, 44);
  const { publicKey, privateKey } = ephemeral();
  const kek = keyEncryptionKey(diffieHellman({ privateKey, publicKey: receiver.publicKey }));
  const wrapped = createCipheriv('id-aes256-wrap', kek, WRAP_IV).update(cek);
  createHash('sha256').update(recipients).digest();
  const toBeSigned = Buffer.alloc(payload.length + SIGNED_OVERHEAD);
  const signature = sign(null, toBeSigned, signer.privateKey);
  const cipher = createCipheriv('aes-256-gcm', cek, iv);
  cipher.setAAD(aad);
  const body = cipher.update(toBeSigned);
  cipher.final();
  return { publicKey, wrapped, iv, body, tag: cipher.getAuthTag(), toBeSigned, signature };
}

export function openPrimitives({ publicKey, wrapped, iv, body, tag, toBeSigned, signature }: Parts): boolean {
  const sender = createPublicKey({ key: publicKey, format: 'jwk' });
  const kek = keyEncryptionKey(diffieHellman({ privateKey: receiver.privateKey, publicKey: sender }));
  const cek = createDecipheriv('id-aes256-wrap', kek, WRAP_IV).update(wrapped);
  const decipher = createDecipheriv('aes-256-gcm', cek, iv);
  decipher.setAAD(aad);
  decipher.setAuthTag(tag);
  decipher.update(body);
  decipher.final();
  createHash('sha256').update(recipients).digest();
  return verify(null, toBeSigned, signer.publicKey, signature);
}
