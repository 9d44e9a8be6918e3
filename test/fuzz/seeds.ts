import { batches } from '../../scripts/vectors/batches.js';
import { callVectors } from '../../scripts/vectors/call.js';
import { roomVectors } from '../../scripts/vectors/room.js';
import { fromBase64url, toBase64url } from '../../src/bytes/base64url.js';
import { utf8 } from '../../src/bytes/bytes.js';
import { type CborMap, decodeCbor, encodeCbor } from '../../src/bytes/cbor.js';
import { encodePublicKey } from '../../src/cose/key.js';
import { decodeSign1 } from '../../src/cose/sign1.js';
import { nativeProvider } from '../../src/crypto/native.js';
import { encodeDescription, encodeIceBody } from '../../src/protocol/call/body.js';
import { encodeCallControl } from '../../src/protocol/call/record.js';
import { signTokenRequest } from '../../src/protocol/directory/admission.js';
import { signVoucher } from '../../src/protocol/directory/guest.js';
import { encodeClaims } from '../../src/protocol/envelope/claims.js';
import { type Control, encodeControl, type Resend } from '../../src/protocol/envelope/control.js';
import { type Draft, sealSync } from '../../src/protocol/envelope/index.js';
import { makeCard } from '../../src/protocol/identity/contact-card.js';
import { linkText, signLinkStatement } from '../../src/protocol/identity/device-link.js';
import {
  addDevice,
  createAccount,
  enterDevice,
  generateDeviceKeys,
  nextRecord,
  retireDevice,
  signRecord,
  startLink,
  vouchForIdentity,
} from '../../src/protocol/identity/index.js';
import { verificationHash } from '../../src/protocol/registration/hrid.js';
import { infoOk } from '../../src/protocol/registration/info-ok.js';
import { emailId, phoneId } from '../../src/protocol/registration/verification-id.js';
import { encodeHandIn } from '../../src/protocol/relay/hand-in.js';
import { encodeUpdate, encodeWakeNote } from '../../src/protocol/relay/index.js';
import { encodeRelayAnswer } from '../../src/protocol/relay/relay-answer.js';
import { atOnce, device, identityKey, NOW, now, record, sealKeys } from './receiver.js';
import { headerSeeds, infoOkOver, safety, signedOver } from './signed-inputs.js';

const native = nativeProvider();

const bytesOf = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));

/** Valid inputs of each decoder, to begin the mutations with. */
export function seeds(): Readonly<Record<string, readonly Uint8Array[]>> {
  const records = recordSeeds();
  const rooms = roomVectors();
  const calls = callVectors();
  const contents = (control: boolean) =>
    calls.records.filter(({ stream }) => (stream === 'control') === control).map(({ content }) => bytesOf(content));
  const sealed = sealedSeeds();
  const claims = claimSeeds();
  const sign1s = records.flatMap((bytes) => [bytes, ...proofsIn(bytes)]);
  const publicKeys = [identityKey, device.sealKey, ...sealKeys(native)].map(({ publicKey }) =>
    encodePublicKey(publicKey),
  );
  const privateKeys = [identityKey, ...sealKeys(native), rsaKey()].map((key) => atOnce(native.exportPrivateKey(key)));
  return {
    base64url: records.map((bytes) => new Uint8Array(Buffer.from(toBase64url(bytes), 'latin1'))),
    cbor: [...records, ...sealed, ...claims, ...publicKeys],
    sign1: sign1s,
    encrypt: sealed,
    'token-request': tokenRequests(),
    ...registrationSeeds(),
    ...relaySeeds(),
    voucher: vouchers(),
    'safety-number': [safety.code, safety.digits].map(latin1),
    'relay-update': updateSeeds(),
    'wake-note': [undefined, new Uint8Array(40)].map((dial) => fromBase64url(encodeWakeNote(dial))),
    'call-frame': calls.frames.map(({ frame }) => bytesOf(frame)),
    'call-description': [encodeDescription({ sdp: 'v=0' }), encodeDescription({})],
    'ice-body': [
      encodeIceBody({ kind: 'candidate', round: 0, candidate: 'candidate:1', mid: '0', line: 0 }),
      encodeIceBody({ kind: 'offer', round: 1, sdp: 'v=0' }),
      encodeIceBody({ kind: 'restart', round: 1 }),
    ],
    'call-control': [...contents(true), encodeCallControl({ kind: 'bye', next: 3, credit: 1 << 22, taken: 2 })],
    'call-chunk': contents(false),
    'call-record': calls.records.map(({ message }) => bytesOf(message)),
    'room-message': rooms.messages.map(({ message }) => bytesOf(message)),
    'room-statement': rooms.statements.map(({ statement }) => bytesOf(statement)),
    'room-frame': rooms.frames.flatMap(({ plaintext }) => (plaintext === '' ? [] : [bytesOf(plaintext)])),
    'frame-header': rooms.frames.map(({ frame }) => bytesOf(frame)),
    'public-key': [...publicKeys, encodePublicKey(rsaKey().publicKey)],
    'private-key': privateKeys,
    claims,
    batch: batches.accepted.map(({ bytes }) => bytesOf(bytes)),
    control: controlSeeds(),
    sealed,
    record: records,
    'record-noble': records,
    'record-content': records.slice(0, 3).map(payloadOf),
    'device-link': [new Uint8Array(Buffer.from(linkText(link()).slice('sealmq:link/'.length), 'latin1'))],
    'link-statement': statementSeeds(),
    'signed-part': headerSeeds().map(signedOver),
    'signed-header': headerSeeds(),
    open: sealed,
    'open-noble': sealed,
  };
}

function sealedSeeds(): Uint8Array[] {
  const recipients = sealKeys(native).map(({ publicKey }) => publicKey);
  const drafts: Draft[] = [
    { from: 'alice', audience: 'bob', issuedAt: NOW, payload: Uint8Array.of(1, 2, 3), padding: false },
    { from: 'alice', audience: ['bob', 'carol'], issuedAt: NOW, payload: new Uint8Array(0), seq: [1, 2], stream: 7 },
  ];
  const { signKey } = device;
  return drafts.flatMap((draft) => [
    sealSync(native, draft, { signKey, recipients: recipients.slice(0, 1) }),
    sealSync(native, draft, { signKey, recipients: recipients.slice(1) }),
    sealSync(native, draft, { signKey, recipients: [...recipients, rsaKey().publicKey] }),
  ]);
}

function tokenRequests(): Uint8Array[] {
  const request = { challenge: new Uint8Array(40), address: 'bob', clientId: 'abcdefghijABCDEFGHIJ22' };
  const proof = { infoOk: new Uint8Array(40), record: record.bytes };
  return [request, { ...request, ...proof }].map((one) => now(signTokenRequest(native, device.signKey, one)));
}

function vouchers(): Uint8Array[] {
  const voucher = { challenge: new Uint8Array(40), address: 'alice', device: link().device };
  const proof = { infoOk: new Uint8Array(40), record: record.bytes };
  return [voucher, { ...voucher, ...proof }].map((one) => now(signVoucher(native, identityKey, one)));
}

/** Cards, the directory's word on them, and what asks for it. */
function registrationSeeds(): Readonly<Record<string, readonly Uint8Array[]>> {
  const word = infoOk.encode({ address: 'alice', identity: record.identity, issuedAt: NOW, expiresAt: NOW + 9 });
  const proof = infoOkOver(encodeCbor(word));
  const dates = { issuedAt: NOW, expiresAt: NOW + 9 };
  const cards = [{ name: 'Alice' }, { infoOk: proof }, { brief: true }].map((details) =>
    now(makeCard(native, device, { record, ...dates, ...details })),
  );
  const salt = new Uint8Array(32).fill(1);
  const bodies = [{ email: 'alice@example.org' }, { phone: '+4915112345678' }].map((contact) => {
    const id = 'email' in contact ? emailId(contact.email) : phoneId(contact.phone);
    const hash = now(verificationHash(native, salt, id));
    const fields = { record: record.bytes, salt, verificationHash: hash };
    const texts = Object.entries(fields).map(([name, bytes]) => [name, toBase64url(bytes)]);
    return utf8(JSON.stringify({ userId: 'alice', ...contact, ...Object.fromEntries(texts) }));
  });
  return {
    card: cards.map(({ bytes }) => latin1(toBase64url(bytes))),
    'card-content': cards.map(({ bytes }) => payloadOf(bytes)),
    'info-ok': [proof],
    'info-ok-content': [encodeCbor(word)],
    registration: bodies,
    'registration-code': [utf8(JSON.stringify({ code: '01234567' }))],
  };
}

/** What a sender tells the relay, and what it answers. */
function relaySeeds(): Readonly<Record<string, readonly Uint8Array[]>> {
  const hash = new Uint8Array(32);
  const nonce = new Uint8Array(16);
  const anonymous = { userId: 'alice', verificationHash: hash, infoOk: new Uint8Array(40), record: record.bytes };
  const common = { relay: hash, receivers: ['bob', 'carol'], message: hash, issuedAt: NOW, nonce };
  return {
    'hand-in': [
      encodeHandIn({ ...common, sender: 'alice' }),
      encodeHandIn({ ...common, sender: anonymous, family: 'signal', wake: new Uint8Array(9) }),
    ],
    'relay-answer': [
      encodeRelayAnswer({ nonce, now: NOW, refused: new Map([['bob', 'not-registered']]) }),
      encodeRelayAnswer({ nonce, now: NOW, refused: new Map(), refusal: 'rate-limited', retryAfter: 3 }),
    ],
  };
}

const latin1 = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'));

function updateSeeds(): Uint8Array[] {
  const told = { relay: record.identity, sender: 'bob', issuedAt: NOW, nonce: new Uint8Array(16) };
  const p256dh = Uint8Array.of(4, ...new Uint8Array(64));
  const subscription = { endpoint: 'https://push.example/x', p256dh, auth: new Uint8Array(16) };
  const anonymous = {
    ...{ userId: 'bob', verificationHash: new Uint8Array(32), infoOk: new Uint8Array(40), record: record.bytes },
  };
  return [
    encodeUpdate({ ...told, type: 'push', number: NOW }),
    encodeUpdate({ ...told, type: 'push', number: 1, subscription }),
    encodeUpdate({ ...told, type: 'push', number: 2, subscription: { ...subscription, expiresAt: NOW } }),
    encodeUpdate({ ...told, sender: anonymous, type: 'heard', message: new Uint8Array(32) }),
  ];
}

function claimSeeds(): Uint8Array[] {
  const id = new Uint8Array(16);
  const common = { from: 'alice', issuedAt: NOW, id };
  return [
    encodeClaims({ ...common, audience: 'bob' }),
    encodeClaims({ ...common, audience: ['bob', 'carol'], seq: [1, 2], stream: 1, expiresAt: NOW }),
    encodeClaims({ ...common, audience: 'bob', contentType: 'image/png', channel: 'a/b', to: 'carol', version: 3 }),
    encodeClaims({ ...common, audience: 'bob', contentType: 'application/json', inReplyTo: id, seq: 1 }),
    encodeClaims({ ...common, audience: 'bob', channel: 'a', version: NOW, tagKey: new Uint8Array(32) }),
  ].map(encodeCbor);
}

function controlSeeds(): Uint8Array[] {
  const ranges: Resend['ranges'] = [
    [3, 9],
    [12, 12],
  ];
  const controls: Control[] = [
    { kind: 'receipt', device: device.id, stream: NOW, from: 1, upTo: 1204, ranges: [] },
    { kind: 'receipt', device: device.id, stream: NOW, from: 1, upTo: 2, ranges },
    { kind: 'withdraw', channel: 'a/b', version: NOW },
    { kind: 'refuse', device: device.id, stream: 1, newest: NOW },
    { kind: 'resend', device: device.id, stream: NOW, ranges },
    { kind: 'skip', stream: NOW, ranges, reason: 'expired' },
    { kind: 'record', record: record.bytes },
    { kind: 'link', statement: record.bytes },
  ];
  return controls.map(encodeControl);
}

function link() {
  const keys = now(generateDeviceKeys(native, 'X25519-Ed25519'));
  return now(startLink(native, keys, record, { now: NOW, name: 'phone' })).link;
}

function statementSeeds(): Uint8Array[] {
  const nonce = new Uint8Array(32);
  const { bytes } = record;
  return [
    { step: 'offer', nonce, record: bytes } as const,
    { step: 'reveal', nonce } as const,
    { step: 'welcome', record: bytes, shared: nonce } as const,
  ].map((statement) => now(signLinkStatement(native, identityKey, nonce, statement)));
}

function recordSeeds(): Uint8Array[] {
  const keys = now(generateDeviceKeys(native, 'P256-ESP256'));
  const entry = now(
    enterDevice(native, keys, { address: 'alice', identity: record.identity }, { notBefore: NOW, name: 'x' }),
  );
  const second = now(nextRecord(native, identityKey, record, addDevice(entry), NOW));
  const third = now(nextRecord(native, identityKey, second, retireDevice(keys.id, NOW), NOW));
  const successor = now(createAccount(native, { address: 'alice', now: NOW }));
  const { bytes: _, hash: _hash, identity: _identity, ...content } = successor.record;
  const identityChange = now(vouchForIdentity(native, identityKey, 'alice', successor.identityKey.publicKey));
  const version = { version: 4, previous: third.hash, identityChange };
  const changed = now(signRecord(native, successor.identityKey, { ...content, ...version }));
  return [record, second, third, changed].map(({ bytes }) => bytes);
}

function proofsIn(bytes: Uint8Array): Uint8Array[] {
  const content = decodeCbor(payloadOf(bytes)) as CborMap;
  return (content.get('devices') as CborMap[]).map((device) => device.get('proof') as Uint8Array);
}

function payloadOf(message: Uint8Array): Uint8Array {
  return decodeSign1(message).payload ?? new Uint8Array(0);
}

let rsa: ReturnType<typeof makeRsaKey> | undefined;

function rsaKey() {
  rsa ??= makeRsaKey();
  return rsa;
}

function makeRsaKey() {
  return atOnce(native.generateKey('RSA-OAEP-256'));
}
