/** The same job done with other libraries: one receiver, signed by the sender, text in and text out. */
import { createRequire } from 'node:module';

const require = createRequire(new URL('./rivals/package.json', import.meta.url));

/** One other way to sign and encrypt; `seal` answers the bytes (or text) that would travel. */
export interface Rival {
  readonly name: string;
  seal(payload: Uint8Array): Promise<Uint8Array | string> | Uint8Array | string;
  open(message: Uint8Array | string): Promise<Uint8Array> | Uint8Array;
}

/** The part of jose that is used here. Its own types would have to be installed to check this file. */
interface Jose {
  generateKeyPair(alg: string, options: object): Promise<{ publicKey: CryptoKey; privateKey: CryptoKey }>;
  CompactSign: new (
    payload: Uint8Array,
  ) => { setProtectedHeader(header: object): { sign(key: CryptoKey): Promise<string> } };
  CompactEncrypt: new (
    payload: Uint8Array,
  ) => { setProtectedHeader(header: object): { encrypt(key: CryptoKey): Promise<string> } };
  compactDecrypt(message: string, key: CryptoKey): Promise<{ plaintext: Uint8Array }>;
  compactVerify(message: Uint8Array, key: CryptoKey): Promise<{ payload: Uint8Array }>;
}

/** JWS nested in JWE: ECDH-ES+A256KW on X25519, A256GCM, EdDSA; keys imported once. */
async function joseRival(): Promise<Rival> {
  const jose = (await import(require.resolve('jose'))) as Jose;
  const signer = await jose.generateKeyPair('EdDSA', { crv: 'Ed25519' });
  const receiver = await jose.generateKeyPair('ECDH-ES+A256KW', { crv: 'X25519' });
  return {
    name: 'jose',
    async seal(payload) {
      const jws = await new jose.CompactSign(payload).setProtectedHeader({ alg: 'EdDSA' }).sign(signer.privateKey);
      const header = { alg: 'ECDH-ES+A256KW', enc: 'A256GCM', cty: 'JWS' };
      return new jose.CompactEncrypt(new TextEncoder().encode(jws))
        .setProtectedHeader(header)
        .encrypt(receiver.publicKey);
    },
    async open(message) {
      const { plaintext } = await jose.compactDecrypt(message as string, receiver.privateKey);
      return (await jose.compactVerify(plaintext, signer.publicKey)).payload;
    },
  };
}

/** The calls that both bindings of libsodium have under the same names. */
interface SodiumWrappers {
  readonly ready: Promise<void>;
  crypto_sign_keypair(): { publicKey: Uint8Array; privateKey: Uint8Array };
  crypto_box_keypair(): { publicKey: Uint8Array; privateKey: Uint8Array };
  crypto_sign(message: Uint8Array, key: Uint8Array): Uint8Array;
  crypto_sign_open(message: Uint8Array, key: Uint8Array): Uint8Array;
  crypto_box_seal(message: Uint8Array, key: Uint8Array): Uint8Array;
  crypto_box_seal_open(message: Uint8Array, publicKey: Uint8Array, privateKey: Uint8Array): Uint8Array;
}

/** libsodium compiled to WebAssembly: crypto_sign, then crypto_box_seal. */
async function wrappersRival(): Promise<Rival> {
  const sodium = require('libsodium-wrappers') as SodiumWrappers;
  await sodium.ready;
  const signer = sodium.crypto_sign_keypair();
  const receiver = sodium.crypto_box_keypair();
  return {
    name: 'libsodium-wrappers',
    seal: (payload) => sodium.crypto_box_seal(sodium.crypto_sign(payload, signer.privateKey), receiver.publicKey),
    open: (message) =>
      sodium.crypto_sign_open(
        sodium.crypto_box_seal_open(message as Uint8Array, receiver.publicKey, receiver.privateKey),
        signer.publicKey,
      ),
  };
}

type Fill = (...buffers: Uint8Array[]) => void;

/** libsodium as a native addon: the same two calls into buffers of the caller's. */
function nativeRival(): Rival {
  const sodium = require('sodium-native') as Record<string, Fill> & Record<`${string}BYTES`, number>;
  const size = (name: string) => sodium[`crypto_${name}BYTES`] as unknown as number;
  const buffer = (length: number) => Buffer.alloc(length);
  const call = (name: string, ...buffers: Uint8Array[]) => sodium[`crypto_${name}`]?.(...buffers);
  const signer = { publicKey: buffer(size('sign_PUBLICKEY')), privateKey: buffer(size('sign_SECRETKEY')) };
  const receiver = { publicKey: buffer(size('box_PUBLICKEY')), privateKey: buffer(size('box_SECRETKEY')) };
  call('sign_keypair', signer.publicKey, signer.privateKey);
  call('box_keypair', receiver.publicKey, receiver.privateKey);
  return {
    name: 'sodium-native',
    seal(payload) {
      const signed = buffer(payload.length + size('sign_'));
      call('sign', signed, payload, signer.privateKey);
      const box = buffer(signed.length + size('box_SEAL'));
      call('box_seal', box, signed, receiver.publicKey);
      return box;
    },
    open(message) {
      const signed = buffer(message.length - size('box_SEAL'));
      call('box_seal_open', signed, message as Uint8Array, receiver.publicKey, receiver.privateKey);
      const payload = buffer(signed.length - size('sign_'));
      call('sign_open', payload, signed, signer.publicKey);
      return payload;
    },
  };
}

/** All of them, with their keys made. */
export async function rivals(): Promise<Rival[]> {
  return [await joseRival(), await wrappersRival(), nativeRival()];
}
