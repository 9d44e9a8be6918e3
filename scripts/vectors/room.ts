import { concat, toHex, utf8 } from '../../src/bytes/bytes.js';
import { nativeProvider } from '../../src/crypto/native.js';
import type { PrivateKey } from '../../src/crypto/provider.js';
import { atOnce, run } from '../../src/crypto/steps.js';
import { encodeFrames } from '../../src/protocol/room/frame-batch.js';
import { signFrame } from '../../src/protocol/room/frame-signature.js';
import { dressFrame } from '../../src/protocol/room/media/media-form.js';
import { mediaFrameKey, mediaMetadata } from '../../src/protocol/room/media/media-kid.js';
import { frameMetadata } from '../../src/protocol/room/room-frame.js';
import { encodeRoomMessage, type RoomMessage } from '../../src/protocol/room/room-message.js';
import { type RoomStatement, signRoomStatement } from '../../src/protocol/room/room-statement.js';
import { kidOf, ratchetSenderKey, type SenderKey, senderKeyOf } from '../../src/protocol/room/sender-key.js';
import { sealFrame } from '../../src/protocol/room/sframe.js';
import { fixedBytes } from './fixed-provider.js';
import { keys } from './keys.js';

const native = nativeProvider();
const signKey = keys['alice.sign'] as PrivateKey;
const NOW = 1_900_000_000;
const SINCE = NOW * 1000;
const ORIGIN = { room: 'room-1', address: 'alice', device: 'alicephonealicep' };
const spoken = (name: string) => ({ ...ORIGIN, issuedAt: NOW, nonce: fixedBytes(`room/${name}`, 16) });

const invite: RoomStatement = { kind: 'invite', ...spoken('invite'), subject: 'bob', expiresAt: NOW + 86_400 };
const STATEMENTS: Readonly<Record<string, RoomStatement>> = {
  join: { kind: 'join', ...spoken('join'), since: SINCE, record: fixedBytes('room/record', 32) },
  'join that seeks, invited': {
    ...{ kind: 'join', ...spoken('join 2'), since: SINCE, record: fixedBytes('room/record', 32) },
    ...{ invitation: signed(invite), seeks: ['bobphonebobphone'] },
  },
  leave: { kind: 'leave', ...spoken('leave'), since: SINCE },
  expel: { kind: 'expel', ...spoken('expel'), subject: 'bob' },
  invite,
};

const first = atOnce(run(senderKeyOf(native, kidOf(1, 0), fixedBytes('room/secret', 32))));
const second = atOnce(run(ratchetSenderKey(native, first)));

const to = { room: 'room-1', since: SINCE };
const MESSAGES: Readonly<Record<string, RoomMessage>> = {
  'a first key': { ...to, to: SINCE + 5, key: { kid: first.kid, secret: first.secret }, want: true },
  'a ratcheted key, and what is held': {
    ...{ ...to, to: SINCE + 5, have: 768, key: { kid: second.kid, secret: second.secret } },
    invitation: signed(invite),
  },
  'a key, and who was expelled': {
    ...{ ...to, key: { kid: first.kid, secret: first.secret } },
    expelled: [signed({ kind: 'expel', ...spoken('expel'), subject: 'bob' })],
  },
  'an acknowledgement': { ...to, to: SINCE + 5, have: 0 },
};

const FRAMES = [
  { key: first, ctr: 0, kind: 'frame', said: [{ text: 'Hello, room.' }] },
  { key: first, ctr: 300, kind: 'frame', said: [{ text: '21.5', channel: 'telemetry/temperature' }] },
  { key: first, ctr: 301, kind: 'frame', said: [{ text: 'Signed.' }], isSigned: true },
  {
    ...({ key: first, ctr: 302, kind: 'frame' } as const),
    said: [{ text: '21.5', channel: 'telemetry/temperature' }, { text: '' }, { text: 'Three at once.' }],
  },
  { key: second, ctr: 0, kind: 'frame', said: [{ text: 'Signed' }, { text: 'once.' }], isSigned: true },
  { key: second, ctr: 1, kind: 'heartbeat', said: [] },
] as const;

const MEDIA_INDEX = 0xabcdef;
const MEDIA = [
  { key: first, ctr: 0, kind: 'audio', mimeType: 'audio/opus', isKey: false, original: '780be4c136ecc58d' },
  {
    key: first,
    ctr: 1,
    kind: 'video',
    mimeType: 'video/VP8',
    isKey: true,
    original: '3036009d012a4001f000393d00161c22',
  },
  {
    key: second,
    ctr: 300,
    kind: 'video',
    mimeType: 'video/H264',
    isKey: false,
    original: '0000000161e0004000be405382fe',
  },
  {
    key: second,
    ctr: 301,
    kind: 'video',
    mimeType: 'video/AV1',
    isKey: false,
    original: '120032bf0630c040fdf8012b8340',
  },
] as const;

/** Frames of encoders, sealed, and dressed for the packetizer. */
function mediaVectors() {
  return MEDIA.map(({ key, ctr, kind, mimeType, isKey, original }) => {
    const frameKey = atOnce(run(mediaFrameKey(native, MEDIA_INDEX, key)));
    const metadata = mediaMetadata({ ...ORIGIN, kind });
    const encoded = Uint8Array.from(Buffer.from(original, 'hex'));
    const sealed = atOnce(run(sealFrame(native, frameKey, BigInt(ctr), metadata, encoded)));
    const frame = dressFrame(sealed, encoded, { kind, mimeType, isKey });
    if (!frame) throw new TypeError(`${mimeType} has no form`);
    return {
      ...{ kid: key.kid, mediaKid: frameKey.kid.toString(16), ctr, kind, mimeType, isKey, metadata: toHex(metadata) },
      ...{ key: toHex(frameKey.key), salt: toHex(frameKey.salt), original, sealed: toHex(sealed), frame: toHex(frame) },
    };
  });
}

/** Statements, messages and frames of a room, all by Alice's phone. */
export function roomVectors() {
  return {
    source: 'made by scripts/make-vectors.ts; the keys are those of envelope.json',
    origin: ORIGIN,
    signKey: 'alice.sign',
    senderKeys: [first, second].map(keyVector),
    since: SINCE,
    frames: FRAMES.map(({ key, ctr, kind, said, ...rest }) => {
      const metadata = frameMetadata({ ...ORIGIN, kind });
      const frames = said.map(({ text, ...channel }) => ({ payload: utf8(text), ...channel }));
      const content = kind === 'frame' ? encodeFrames(frames) : [];
      const place = { ...ORIGIN, kind, since: SINCE, kid: key.kid, ctr };
      const signature = 'isSigned' in rest ? [atOnce(run(signFrame(native, signKey, place, content)))] : [];
      const plaintext = concat(...signature, ...content);
      const frame = atOnce(run(sealFrame(native, key.frameKey, BigInt(ctr), metadata, plaintext)));
      const bytes = { metadata: toHex(metadata), plaintext: toHex(plaintext), frame: toHex(frame) };
      return { kid: key.kid, ctr, kind, said, ...bytes };
    }),
    mediaIndex: MEDIA_INDEX,
    media: mediaVectors(),
    messages: Object.entries(MESSAGES).map(([name, one]) => ({ name, message: toHex(encodeRoomMessage(one)) })),
    statements: Object.entries(STATEMENTS).map(([name, one]) => ({ name, statement: toHex(signed(one)) })),
  };
}

function signed(statement: RoomStatement): Uint8Array {
  return atOnce(run(signRoomStatement(native, keys['alice.sign'] as PrivateKey, statement)));
}

function keyVector({ kid, secret, frameKey }: SenderKey) {
  return { kid, secret: toHex(secret), key: toHex(frameKey.key), salt: toHex(frameKey.salt) };
}
