import { toHex, utf8 } from '../../src/bytes/bytes.js';
import { decodeCbor, encodeCbor } from '../../src/bytes/cbor.js';
import { decodeEncrypt, type Encrypt } from '../../src/cose/encrypt.js';
import { encodePublicKey } from '../../src/cose/key.js';
import { decodeSign1, encodeSign1, type Sign1 } from '../../src/cose/sign1.js';
import { nativeProvider } from '../../src/crypto/native.js';
import { atOnce } from '../../src/crypto/steps.js';
import { BATCH_TYPE, encodeBatch } from '../../src/protocol/envelope/batch.js';
import { type Claims, decodeClaims, MAX_RECIPIENTS } from '../../src/protocol/envelope/claims.js';
import { CONTROL_TYPE, encodeControl } from '../../src/protocol/envelope/control.js';
import { DEFAULT_PADDING, type Draft, sealSync } from '../../src/protocol/envelope/seal.js';
import type { Family } from '../../src/protocol/envelope/topics.js';
import { itemEnd } from '../../test/bytes/item-end.js';
import { READINGS } from './batches.js';
import { fixedBytes, fixedProvider, type Trace, type WrapTrace } from './fixed-provider.js';
import { key, thumbprintOf } from './keys.js';
import type { ClaimsVector, RecipientVector, SealedVector, SignedVector } from './types.js';

/** Directory time of all vectors, in seconds: 2027-01-15T08:00:00Z. */
export const NOW = 1_800_000_000;

/** Creation time of every sender's store, in milliseconds. */
export const STREAM = 1_799_000_000_000;

/** The key of the tags of all states in the vectors. */
export const TAG_KEY = fixedBytes('tagKey', 32);

/** A registration id: `~` and 52 base32 characters. */
export const REGISTRATION_ID = `~${'abcdefghijklmnopqrstuvwxyz234567'.repeat(2).slice(0, 52)}`;

/** A sealed message and everything that was seen on the way, as bytes. */
export interface SealedCase {
  readonly vector: SealedVector;
  readonly message: Encrypt;
  readonly sign1: Sign1;
  readonly encryption: NonNullable<Trace['encryption']>;
}

interface Order {
  readonly name: string;
  readonly about: string;
  readonly signKey: string;
  /** Names of the devices' sealing keys, each with the receiver who opens with it. */
  readonly to: Readonly<Record<string, string>>;
  readonly draft: Omit<Draft, 'issuedAt'> & Partial<Pick<Draft, 'issuedAt'>>;
  /** Default: opened. */
  readonly outcome?: SealedVector['outcome'];
}

const HELLO: Pick<Draft, 'payload' | 'contentType' | 'seq' | 'stream'> = {
  payload: utf8('Hello, Bob.'),
  contentType: 'text/plain;charset=utf-8',
  seq: 1,
  stream: STREAM,
};

const ORDERS: readonly Order[] = [
  {
    name: 'default-suite',
    about: 'X25519-Ed25519: alice to the one device of bob, text.',
    signKey: 'alice.sign',
    to: { 'bob.phone.seal': 'bob' },
    draft: { ...HELLO, from: 'alice', audience: 'bob' },
  },
  {
    name: 'p256-suite',
    about: 'P256-ESP256: carol to the one device of bob, text.',
    signKey: 'carol.sign',
    to: { 'bob.laptop.seal': 'bob' },
    draft: { ...HELLO, from: 'carol', audience: 'bob' },
  },
  {
    name: 'rsa-suite',
    about: 'RSA3072-PS256: dave to the one device of bob, text.',
    signKey: 'dave.sign',
    to: { 'bob.gateway.seal': 'bob' },
    draft: { ...HELLO, from: 'dave', audience: 'bob' },
  },
  {
    name: 'mixed-suites',
    about: 'alice to three devices of bob, each of another suite.',
    signKey: 'alice.sign',
    to: { 'bob.phone.seal': 'bob', 'bob.laptop.seal': 'bob', 'bob.gateway.seal': 'bob' },
    draft: { ...HELLO, from: 'alice', audience: 'bob', seq: 2 },
  },
  {
    name: 'several-receivers',
    about: 'alice to bob and carol at once: the outer aud is nil, the signed aud an array, seq an array in its order.',
    signKey: 'alice.sign',
    to: { 'bob.phone.seal': 'bob', 'carol.seal': 'carol' },
    draft: { ...HELLO, from: 'alice', audience: ['bob', 'carol'], seq: [3, 1] },
  },
  {
    name: 'one-of-several',
    about: 'The array form with a single receiver is not the same as the text form: the outer aud is nil.',
    signKey: 'alice.sign',
    to: { 'bob.phone.seal': 'bob' },
    draft: { ...HELLO, from: 'alice', audience: ['bob'], seq: [4] },
  },
  {
    name: 'several-in-order',
    about: 'Receivers are sorted by the bytes of their addresses: "aa" before "b", although its encoding is greater.',
    signKey: 'alice.sign',
    to: { 'bob.phone.seal': 'aa', 'carol.seal': 'b' },
    draft: { ...HELLO, from: 'alice', audience: ['aa', 'b'], seq: [1, 1] },
  },
  {
    name: 'no-padding',
    about: 'Padding switched off: the plaintext ends with the Sign1.',
    signKey: 'alice.sign',
    to: { 'bob.phone.seal': 'bob' },
    draft: { ...HELLO, from: 'alice', audience: 'bob', seq: 5, padding: false },
  },
  {
    name: 'padme',
    about: 'A Sign1 longer than 256 bytes is padded by the Padmé formula.',
    signKey: 'alice.sign',
    to: { 'bob.phone.seal': 'bob' },
    draft: {
      ...HELLO,
      ...{ from: 'alice', audience: 'bob', seq: 6, contentType: 'application/octet-stream' },
      payload: fixedBytes('payload/padme', 700),
    },
  },
  {
    name: 'all-claims',
    about: 'exp, channel, stream, a content type without a number, inReplyTo.',
    signKey: 'alice.sign',
    to: { 'bob.phone.seal': 'bob' },
    draft: {
      ...HELLO,
      ...{ from: 'alice', audience: 'bob', seq: 7, expiresAt: NOW + 3600, channel: 'telemetry/temperature' },
      ...{ contentType: 'application/senml+json', inReplyTo: fixedBytes('inReplyTo', 16) },
      payload: utf8('[{"n":"boiler","u":"Cel","v":64.5}]'),
    },
  },
  {
    name: 'batch',
    about: 'Three messages of the application in one, the first of `batches`.',
    signKey: 'alice.sign',
    to: { 'bob.phone.seal': 'bob' },
    draft: {
      ...HELLO,
      from: 'alice',
      audience: 'bob',
      seq: 11,
      contentType: BATCH_TYPE,
      payload: encodeBatch(READINGS),
    },
  },
  {
    name: 'own-copy',
    about: 'A copy for the sender\'s own other device: aud is the sender, "to" says whom the message was for.',
    signKey: 'alice.sign',
    to: { 'alice.tablet.seal': 'alice' },
    draft: { ...HELLO, from: 'alice', audience: 'alice', to: 'bob', seq: 1 },
  },
  {
    name: 'will',
    about: 'Family will: a version counter per device and channel in place of seq and stream.',
    signKey: 'alice.sign',
    to: { 'bob.phone.seal': 'bob' },
    draft: {
      ...{ from: 'alice', audience: 'bob', family: 'will', channel: 'presence', version: 12 },
      ...{ contentType: 'application/json', payload: utf8('{"online":false}') },
    },
  },
  {
    name: 'state',
    about: 'Family state, in the topic whose tag is the first of stateTags.',
    signKey: 'alice.sign',
    to: { 'bob.phone.seal': 'bob' },
    draft: {
      ...{ from: 'alice', audience: 'bob', family: 'state', channel: 'presence', version: NOW * 1000, tagKey: TAG_KEY },
      ...{ contentType: 'application/json', payload: utf8('{"online":true}') },
    },
  },
  {
    name: 'state-cleared',
    about: 'The same state, cleared: no content type, no payload.',
    signKey: 'alice.sign',
    to: { 'bob.phone.seal': 'bob' },
    draft: {
      ...{ from: 'alice', audience: 'bob', family: 'state', channel: 'presence', version: NOW * 1000 + 1 },
      ...{ tagKey: TAG_KEY, payload: new Uint8Array(0) },
    },
  },
  {
    name: 'control-receipt',
    about:
      'Family control: the phone of bob receipts to the phone of alice, without seq. It is sealed to that one device.',
    signKey: 'bob.phone.sign',
    to: { 'alice.seal': 'alice' },
    draft: {
      ...{ from: 'bob', audience: 'alice', family: 'control', contentType: CONTROL_TYPE },
      payload: encodeControl({
        ...{ kind: 'receipt', device: 'alicephonealicep', stream: STREAM, from: 1, upTo: 7, ranges: [[9, 11]] },
      }),
    },
  },
  {
    name: 'empty-payload',
    about: 'An empty payload, no content type, from and to a registration id.',
    signKey: 'alice.sign',
    to: { 'bob.phone.seal': REGISTRATION_ID },
    draft: {
      ...{ from: REGISTRATION_ID, audience: REGISTRATION_ID, seq: 8, stream: STREAM },
      payload: new Uint8Array(0),
    },
  },
  {
    name: 'at-the-limits',
    about: 'iat exactly 300 s ahead and exp one second ahead of directory time: still opened.',
    signKey: 'alice.sign',
    to: { 'bob.phone.seal': 'bob' },
    draft: { ...HELLO, from: 'alice', audience: 'bob', seq: 9, issuedAt: NOW + 300, expiresAt: NOW + 1 },
  },
  {
    name: 'expired',
    about: 'exp equal to directory time: expired, although everything verifies.',
    signKey: 'alice.sign',
    to: { 'bob.phone.seal': 'bob' },
    draft: { ...HELLO, from: 'alice', audience: 'bob', seq: 10, issuedAt: NOW - 60, expiresAt: NOW },
    outcome: 'expired',
  },
  {
    name: 'from-the-future',
    about: 'iat 301 s ahead of directory time.',
    signKey: 'alice.sign',
    to: { 'bob.phone.seal': 'bob' },
    draft: { ...HELLO, from: 'alice', audience: 'bob', seq: 11, issuedAt: NOW + 301 },
    outcome: 'from-the-future',
  },
];

/** All sealed messages, with the traces that the hostile variants are made from. */
export function sealedCases(): SealedCase[] {
  return ORDERS.map(sealedCase);
}

function sealedCase({ name, about, signKey, to, draft, outcome = 'opened' }: Order): SealedCase {
  const { provider, trace } = fixedProvider(`sealed/${name}`);
  const devices = Object.keys(to);
  const complete: Draft = { issuedAt: NOW, ...draft };
  const sealed = sealSync(provider, complete, {
    signKey: key(signKey),
    recipients: devices.map((device) => key(device).publicKey),
  });
  const message = decodeEncrypt(sealed, MAX_RECIPIENTS);
  const { encryption } = trace;
  if (!encryption) throw new RangeError('nothing was sealed');
  const sign1 = decodeSign1(encryption.plaintext.subarray(0, itemEnd(encryption.plaintext, 0)));
  const { family = 'message', padding = DEFAULT_PADDING } = complete;
  const vector: SealedVector = {
    ...{ name, about, family, signKey },
    claims: claimsVector(decodeClaims(sign1.protectedHeader)),
    payload: toHex(complete.payload),
    padding,
    contentEncryptionKey: toHex(encryption.key),
    iv: toHex(encryption.iv),
    recipients: devices.map((device, i) => recipientVector(device, trace.wraps[i] ?? {})),
    recipientsArray: toHex(message.recipientsBytes),
    recipientsHash: toHex(sha256(message.recipientsBytes)),
    signed: signedVector(sign1, trace),
    plaintext: toHex(encryption.plaintext),
    externalAad: toHex(elementOf(encryption.aad, 2)),
    encStructure: toHex(encryption.aad),
    ciphertext: toHex(message.ciphertext),
    message: toHex(sealed),
    opensFor: Object.entries(to).map(([device, address]) => ({ address, key: device })),
    outcome,
  };
  return { vector, message, sign1, encryption };
}

function signedVector(sign1: Sign1, { sigStructure = new Uint8Array(0), pssSalt }: Trace): SignedVector {
  return {
    protectedHeader: toHex(sign1.protectedBytes),
    externalAad: toHex(elementOf(sigStructure, 2)),
    sigStructure: toHex(sigStructure),
    ...(pssSalt && { pssSalt: toHex(pssSalt) }),
    signature: toHex(sign1.signature),
    sign1: toHex(encodeSign1(sign1)),
  };
}

function recipientVector(device: string, wrap: WrapTrace): RecipientVector {
  const { ephemeralPrivateKey, ephemeralKey, sharedSecret, kdfContext, keyEncryptionKey, oaepSeed } = wrap;
  return {
    key: device,
    kid: toHex(thumbprintOf(device).subarray(0, 8)),
    ...(ephemeralPrivateKey && { ephemeralPrivateKey: toHex(ephemeralPrivateKey) }),
    ...(ephemeralKey && { ephemeralKey: toHex(encodePublicKey(ephemeralKey)) }),
    ...(sharedSecret && { sharedSecret: toHex(sharedSecret) }),
    ...(kdfContext && { kdfContext: toHex(kdfContext) }),
    ...(keyEncryptionKey && { keyEncryptionKey: toHex(keyEncryptionKey) }),
    ...(oaepSeed && { oaepSeed: toHex(oaepSeed) }),
    wrappedKey: toHex(wrap.wrappedKey ?? new Uint8Array(0)),
  };
}

/** Claims as JSON can hold them. */
export function claimsVector({ id, inReplyTo, tagKey, ...claims }: Claims): ClaimsVector {
  const bytes = { ...(inReplyTo && { inReplyTo: toHex(inReplyTo) }), ...(tagKey && { tagKey: toHex(tagKey) }) };
  return { ...claims, id: toHex(id), ...bytes };
}

/** The byte string at `index` of an encoded array. */
function elementOf(structure: Uint8Array, index: number): Uint8Array {
  const items = decodeCbor(structure);
  const item = Array.isArray(items) ? items[index] : undefined;
  if (!(item instanceof Uint8Array)) throw new RangeError('no such byte string');
  return item;
}

/** SHA-256 of `data`. */
export function sha256(data: Uint8Array): Uint8Array {
  return atOnce(nativeProvider().sha256(data));
}

/** The additional data of a message: `["sealmq/1", family, audience]`. */
export function externalAad(family: Family, audience: string | null): Uint8Array {
  return encodeCbor(['sealmq/1', family, audience]);
}
