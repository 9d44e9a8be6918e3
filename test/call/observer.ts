import { createHash } from 'node:crypto';
import { x25519 } from '@noble/curves/ed25519.js';
import { encodePrivateKey, type PublicKey } from '../../src/cose/key.js';
import { nativeProvider } from '../../src/crypto/native.js';
import type { PrivateKey } from '../../src/crypto/provider.js';
import { atOnce, run } from '../../src/crypto/steps.js';
import { openBody, recordCipher } from '../../src/protocol/call/cipher.js';
import type { CallFrame } from '../../src/protocol/call/frame.js';
import { handshakeKeys, type Transcript } from '../../src/protocol/call/keys.js';
import { type CallRecord, decodeRecordMessage, isRecordMessage } from '../../src/protocol/call/record.js';
import { openSync } from '../../src/protocol/envelope/open.js';
import { contentAad, parseSealed } from '../../src/protocol/envelope/profile.js';
import { now } from '../client/liar.js';

const native = nativeProvider();

/** What could be a key of all that somebody has seen: each byte string of 32 bytes in it, and its hash. */
export function guesses(seen: readonly Uint8Array[]): Uint8Array[] {
  const found = new Map<string, Uint8Array>();
  const guess = (bytes: Uint8Array) => found.set(Buffer.from(bytes).toString('hex'), bytes);
  guess(new Uint8Array(32));
  for (const bytes of seen) {
    guess(createHash('sha256').update(bytes).digest());
    for (let i = 0; i + 34 <= bytes.length; i++) {
      // The head of a CBOR byte string of 32 bytes.
      if (bytes[i] === 0x58 && bytes[i + 1] === 0x20) guess(bytes.slice(i + 2, i + 34));
    }
  }
  return [...found.values()];
}

/** To whom a message was, as the topic and the directory say. */
export interface Addressee {
  readonly address: string;
  readonly sealKey: PublicKey;
  /** Of the one who may have sent it. */
  readonly signKey: PublicKey;
}

/** Whether one of `secrets`, as whatever kind of key, opens what came on somebody's topic. */
export function opens(secrets: readonly Uint8Array[], bytes: Uint8Array, to: Addressee): boolean {
  if (!isRecordMessage(bytes)) return opensSealed(secrets, bytes, to);
  const { callId, ...record } = decodeRecordMessage(bytes);
  return opensRecord(secrets, callId, record);
}

/** Whether one of `secrets` is the key of a record. */
export function opensRecord(secrets: readonly Uint8Array[], call: Uint8Array, { ctr, ct }: CallRecord): boolean {
  return secrets.some((secret) => atOnce(recordCipher(native, secret, call).open(ctr, ct)) !== null);
}

/** Each secret, and what a call's handshake keys would be if it were the private key of either side. */
export function keysFrom(secrets: readonly Uint8Array[], transcript: Transcript): Uint8Array[] {
  return secrets.flatMap((secret) => {
    const shared = [transcript.callerKey, transcript.calleeKey].map((x) =>
      atOnce(native.agree(x25519Key(secret), { kty: 'OKP', crv: 'X25519', x })),
    );
    const derived = shared.map((one) =>
      one ? Object.values(atOnce(run(handshakeKeys(native, transcript, one)))) : [],
    );
    return [secret, ...derived.flat()];
  });
}

/** Whether one of `keys` opens the body of a frame. */
export function opensBody(
  keys: readonly Uint8Array[],
  frame: Extract<CallFrame, { type: 'offer' | 'answer' | 'ice' }>,
): boolean {
  const { call, type, ct } = frame;
  const ctr = 'ctr' in frame ? frame.ctr : 0;
  return keys.some((key) => atOnce(run(openBody(native, key, { call, type, ctr }, ct))) !== null);
}

function opensSealed(
  secrets: readonly Uint8Array[],
  bytes: Uint8Array,
  { address, sealKey, signKey }: Addressee,
): boolean {
  const { message, iv } = parseSealed(bytes);
  const aad = contentAad(message.protectedBytes, 'signal', address);
  if (secrets.some((secret) => native.aesGcmDecrypt(secret, iv, aad, message.ciphertext) !== null)) return true;
  return secrets.some((secret) => {
    const guess = x25519Key(secret);
    // Whatever it is, it goes for the addressee's private key.
    const provider = { ...native, agree: (_key: PrivateKey, ephemeral: PublicKey) => native.agree(guess, ephemeral) };
    const outcome = openSync(provider, bytes, {
      ...{ address, family: 'signal', keys: [{ algorithm: 'X25519', publicKey: sealKey }], now: now() },
      senderKey: () => ({ key: signKey }),
    });
    if (outcome.kind === 'not-for-me') throw new RangeError('not sealed to that key');
    return outcome.kind === 'opened';
  });
}

const imported = new WeakMap<Uint8Array, PrivateKey>();

function x25519Key(secret: Uint8Array): PrivateKey {
  const known = imported.get(secret);
  if (known) return known;
  const x = x25519.getPublicKey(secret);
  const key = atOnce(
    native.importPrivateKey('X25519', encodePrivateKey({ kty: 'OKP', crv: 'X25519', x }, { d: secret })),
  );
  imported.set(secret, key);
  return key;
}
