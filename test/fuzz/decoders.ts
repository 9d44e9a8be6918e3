import { fromBase64url, toBase64url } from '../../src/bytes/base64url.js';
import { concat, equal } from '../../src/bytes/bytes.js';
import { type CborMap, decodeCbor, encodeCbor } from '../../src/bytes/cbor.js';
import { decodeEncrypt, encodeEncrypt } from '../../src/cose/encrypt.js';
import { decodePrivateKey, encodePrivateKey, publicKeyMap, readPublicKey } from '../../src/cose/key.js';
import { decodeSign1, encodeSign1 } from '../../src/cose/sign1.js';
import { nativeProvider } from '../../src/crypto/native.js';
import { nobleProvider } from '../../src/crypto/noble.js';
import type { CryptoProvider } from '../../src/crypto/provider.js';
import { SealMQError } from '../../src/errors.js';
import { decodeDescription, decodeIceBody, encodeDescription, encodeIceBody } from '../../src/protocol/call/body.js';
import { decodeCallFrame, encodeCallFrame } from '../../src/protocol/call/frame.js';
import {
  decodeCallControl,
  decodeChunks,
  decodeRecordMessage,
  encodeCallControl,
  encodeChunk,
  encodeRecordMessage,
} from '../../src/protocol/call/record.js';
import { readTokenRequest } from '../../src/protocol/directory/admission.js';
import { readVoucher } from '../../src/protocol/directory/guest.js';
import { decodeBatch, encodeBatch } from '../../src/protocol/envelope/batch.js';
import { decodeClaims, encodeClaims } from '../../src/protocol/envelope/claims.js';
import { decodeControl, encodeControl } from '../../src/protocol/envelope/control.js';
import { type OpenOutcome, openSync } from '../../src/protocol/envelope/index.js';
import { parseSealed } from '../../src/protocol/envelope/profile.js';
import { CARD_PREFIX, cardText, readCard } from '../../src/protocol/identity/contact-card.js';
import { LINK_PREFIX, linkText, parseLink, readLinkStatement } from '../../src/protocol/identity/device-link.js';
import { verifyRecord } from '../../src/protocol/identity/index.js';
import { compareSafetyNumber } from '../../src/protocol/identity/safety-number.js';
import { readInfoOk } from '../../src/protocol/registration/info-ok.js';
import { decodeHandIn, encodeHandIn } from '../../src/protocol/relay/hand-in.js';
import { decodeUpdate, decodeWakeNote, encodeUpdate, encodeWakeNote } from '../../src/protocol/relay/index.js';
import { decodeRelayAnswer, encodeRelayAnswer } from '../../src/protocol/relay/relay-answer.js';
import { decodeFrames, encodeFrames } from '../../src/protocol/room/frame-batch.js';
import { splitSignature } from '../../src/protocol/room/frame-signature.js';
import { decodeRoomMessage, encodeRoomMessage } from '../../src/protocol/room/room-message.js';
import { readRoomStatement } from '../../src/protocol/room/room-statement.js';
import { decodeSFrameHeader, encodeSFrameHeader } from '../../src/protocol/room/sframe-header.js';
import { readCode, readRegistration } from '../../src/server/registration/requests.js';
import { identityKey, NOW, now, receiver } from './receiver.js';
import { cardOver, infoOkOver, recordOver, safety, sealedOver, signedOver } from './signed-inputs.js';

/**
 * What reads bytes of strangers. A decoder answers one word for what it read or throws a SealMQError, nothing else; where
 * it can be said what the value must look like when it is written again, it is compared.
 */
export type Decoder = (input: Uint8Array) => string;

const native = nativeProvider();
const noble = nobleProvider();
const open = (provider: CryptoProvider, input: Uint8Array) => inAWord(openSync(provider, input, receiver(provider)));

/** Every decoder by the name of its folder in the corpus. */
export const decoders: Readonly<Record<string, Decoder>> = {
  base64url(input) {
    const text = Buffer.from(input).toString('latin1');
    return same(toBase64url(fromBase64url(text)), text);
  },
  cbor: (input) => same(encodeCbor(decodeCbor(input)), input),
  sign1: (input) => same(encodeSign1(decodeSign1(input)), input),
  encrypt: (input) => same(encodeEncrypt(decodeEncrypt(input, 256)), input),
  'public-key': (input) => same(encodeCbor(publicKeyMap(readPublicKey(decodeCbor(input)))), input),
  'private-key'(input) {
    const { publicKey, secrets } = decodePrivateKey(input);
    return same(encodePrivateKey(publicKey, secrets), input);
  },
  claims(input) {
    const claims = encodeClaims(decodeClaims(decodeCbor(input) as CborMap));
    return same(encodeCbor(encodeClaims(decodeClaims(claims))), encodeCbor(claims));
  },
  batch: (input) => again(input, decodeBatch, encodeBatch),
  control: (input) =>
    same(encodeControl(decodeControl(encodeControl(decodeControl(input)))), encodeControl(decodeControl(input))),
  'room-message'(input) {
    const message = encodeRoomMessage(decodeRoomMessage(input));
    return same(encodeRoomMessage(decodeRoomMessage(message)), message);
  },
  'room-statement'(input) {
    readRoomStatement(input);
    return 'read';
  },
  'room-frame'(input) {
    const { content } = splitSignature(input);
    return same(concat(...encodeFrames(decodeFrames(content))), content);
  },
  'frame-header'(input) {
    const { length, ...header } = decodeSFrameHeader(input);
    return same(encodeSFrameHeader(header), input.subarray(0, length));
  },
  'relay-update': (input) => again(input, decodeUpdate, encodeUpdate),
  'wake-note': (input) =>
    again(
      input,
      (bytes) => decodeWakeNote(toBase64url(bytes)),
      ({ dial }) => fromBase64url(encodeWakeNote(dial)),
    ),
  'call-frame': (input) => again(input, decodeCallFrame, encodeCallFrame),
  'call-description': (input) => again(input, decodeDescription, encodeDescription),
  'ice-body': (input) => again(input, decodeIceBody, encodeIceBody),
  'call-control': (input) => again(input, decodeCallControl, encodeCallControl),
  'call-chunk': (input) => same(concat(...decodeChunks(input).flatMap(encodeChunk)), input),
  'call-record'(input) {
    const write = (record: ReturnType<typeof decodeRecordMessage>) => encodeRecordMessage(record.callId, record);
    return again(input, decodeRecordMessage, write);
  },
  sealed: (input) => same(encodeEncrypt(parseSealed(input).message), input),
  record: (input) => same(now(verifyRecord(native, input)).bytes, input),
  'record-noble': (input) => same(now(verifyRecord(noble, input)).bytes, input),
  'record-content': (input) => same(now(verifyRecord(native, recordOver(input))).bytes, recordOver(input)),
  'device-link'(input) {
    const text = LINK_PREFIX + Buffer.from(input).toString('latin1');
    return same(linkText(parseLink(text)), text.trim());
  },
  'link-statement'(input) {
    readLinkStatement(input);
    return 'read';
  },
  card(input) {
    const text = CARD_PREFIX + Buffer.from(input).toString('latin1');
    return same(cardText(now(readCard(native, text, NOW))), text.trim());
  },
  'card-content'(input) {
    now(readCard(native, cardText({ bytes: cardOver(input) }), NOW));
    return 'read';
  },
  'info-ok'(input) {
    now(readInfoOk(native, [identityKey.publicKey], input));
    return 'read';
  },
  'info-ok-content'(input) {
    now(readInfoOk(native, [identityKey.publicKey], infoOkOver(input)));
    return 'read';
  },
  registration(input) {
    now(readRegistration(native, input));
    return 'read';
  },
  'registration-code'(input) {
    readCode(input);
    return 'read';
  },
  'safety-number'(input) {
    compareSafetyNumber(safety, Buffer.from(input).toString('latin1'));
    return 'read';
  },
  'hand-in': (input) => again(input, decodeHandIn, encodeHandIn),
  'relay-answer': (input) => again(input, decodeRelayAnswer, encodeRelayAnswer),
  voucher(input) {
    readVoucher(input);
    return 'read';
  },
  'token-request'(input) {
    readTokenRequest(input);
    return 'read';
  },
  'signed-part': (input) => open(native, sealedOver(input)),
  'signed-header': (input) => open(native, sealedOver(signedOver(input))),
  open: (input) => open(native, input),
  'open-noble': (input) => open(noble, input),
};

/** What came of an input: one word, or an error that no decoder may throw. */
export type Finding = { readonly word: string } | { readonly error: unknown };

/** Gives `input` to `decoder`. */
export function examine(decoder: Decoder, input: Uint8Array): Finding {
  const before = input.slice();
  try {
    const word = decoder(input);
    return equal(before, input) ? { word } : { error: new TypeError('the input was changed') };
  } catch (error) {
    return error instanceof SealMQError ? { word: inFileNames(error.code) } : { error };
  }
}

function same(written: Uint8Array | string, read: Uint8Array | string): string {
  const alike = typeof written === 'string' || typeof read === 'string' ? written === read : equal(written, read);
  if (!alike) throw new TypeError('what was read is written otherwise');
  return 'read';
}

/** What was read is read again as it is written; fields that are not ours are left out. */
function again<T>(input: Uint8Array, decode: (bytes: Uint8Array) => T, encode: (value: T) => Uint8Array): string {
  const written = encode(decode(input));
  return same(encode(decode(written)), written);
}

function inAWord(outcome: OpenOutcome): string {
  const { kind } = outcome;
  return 'error' in outcome ? `${kind}-${inFileNames(outcome.error.code)}` : kind;
}

function inFileNames(code: string): string {
  return code.toLowerCase().replaceAll('_', '-');
}
