import type { CborValue } from '../../src/bytes/cbor.js';
import type { Note } from './diagnostic.js';

/** What the diagnostic notation in the document says about each item. */

const named =
  (what: string, names: Readonly<Record<number, string>>) =>
  (value: CborValue): string =>
    `${what}: ${names[value as number] ?? 'unknown'}`;

const alg: Note = {
  say: named('alg', {
    3: 'A256GCM',
    [-9]: 'ESP256',
    [-19]: 'Ed25519',
    [-31]: 'ECDH-ES + A256KW',
    [-37]: 'PS256',
    [-41]: 'RSAES-OAEP with SHA-256',
  }),
};

/** A public COSE_Key of OKP or EC2; of RSA the labels -1 and -2 are n and e. */
const ellipticKey: Note = {
  at: {
    1: { say: named('kty', { 1: 'OKP', 2: 'EC2' }) },
    '-1': { say: named('crv', { 1: 'P-256', 4: 'X25519', 6: 'Ed25519' }) },
    '-2': { say: 'x' },
    '-3': { say: 'y' },
  },
};

const kid = (what: string): Note => ({ say: `kid: ${what}` });

/** A sealed message. */
export const sealedNote: Note = {
  at: {
    0: { say: 'protected', embedded: { at: { 1: alg, 16: { say: 'typ' } } } },
    1: { say: 'unprotected', at: { 5: { say: 'iv' } } },
    2: { say: 'ciphertext' },
    3: {
      say: 'recipients',
      each: {
        at: {
          0: { say: 'protected', embedded: { at: { 1: alg } } },
          1: {
            say: 'unprotected',
            at: {
              1: alg,
              4: kid("8 bytes of the sealing key's thumbprint"),
              '-1': { say: 'ephemeral key', ...ellipticKey },
            },
          },
          2: { say: 'wrapped content encryption key' },
        },
      },
    },
  },
};

const claims: Note = {
  say: 'CWT claims',
  at: { 1: { say: 'iss' }, 3: { say: 'aud' }, 4: { say: 'exp' }, 6: { say: 'iat' }, 7: { say: 'cti' } },
};

const signedHeader: Note = {
  at: {
    1: alg,
    3: { say: named('content type', { 0: 'text/plain;charset=utf-8', 42: 'octets', 50: 'JSON', 60: 'CBOR' }) },
    4: kid('thumbprint of the signing key'),
    15: claims,
    '-65537': { say: 'seq' },
    '-65538': { say: 'channel' },
    '-65539': { say: 'stream' },
    '-65540': { say: 'to' },
    '-65541': { say: 'inReplyTo' },
    '-65542': { say: 'version' },
    '-65543': { say: 'tagKey' },
  },
};

/** A Sign1; `payload` says what is in it, or it is opaque. */
export function sign1Note(payload: Note = {}): Note {
  return {
    at: {
      0: { say: 'protected', embedded: signedHeader },
      1: { say: 'unprotected' },
      2: { say: 'payload', ...payload },
      3: { say: 'signature' },
    },
  };
}

/** Any content of our own: maps with text keys speak for themselves, COSE_Keys in them do not. */
export const contentNote: Note = {
  at: {
    identityKey: ellipticKey,
    signKey: ellipticKey,
    sealKey: ellipticKey,
    keys: { each: ellipticKey },
    devices: {
      each: { at: { signKey: ellipticKey, sealKey: ellipticKey, proof: { embedded: sign1Note() } } },
    },
  },
};

/** COSE_KDF_Context. */
export const kdfContextNote: Note = {
  at: {
    0: { say: 'AlgorithmID: A256KW' },
    1: { say: 'PartyUInfo' },
    2: { say: 'PartyVInfo' },
    3: {
      say: 'SuppPubInfo',
      at: {
        0: { say: 'keyDataLength' },
        1: { say: 'protected', embedded: { at: { 1: alg } } },
        2: {
          say: 'other',
          embedded: {
            at: {
              1: { say: "thumbprint of the recipient's sealing key" },
              2: { say: 'ephemeral x' },
              3: { say: 'ephemeral y' },
            },
          },
        },
      },
    },
  },
};
