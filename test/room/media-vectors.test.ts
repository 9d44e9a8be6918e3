import { createDecipheriv, hkdfSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { roomVectors } from '../../scripts/vectors/room.js';
import { MemberKeys } from '../../src/adapters/media/member-keys.js';
import type { MediaKey } from '../../src/adapters/media/messages.js';
import { OwnMediaKey } from '../../src/adapters/media/own-media-key.js';
import { run } from '../../src/crypto/steps.js';
import { dressFrame, undressFrame } from '../../src/protocol/room/media/media-form.js';
import { type MediaKind, mediaFrameKey, mediaMetadata } from '../../src/protocol/room/media/media-kid.js';
import { openFrame } from '../../src/protocol/room/sframe.js';
import { backends, hex, readVectors } from '../crypto/backends.js';

const vectors = readVectors<ReturnType<typeof roomVectors>>('room.json');
const { origin, mediaIndex, media, senderKeys } = vectors;
type Vector = (typeof media)[number];
const secretOf = ({ kid }: Vector) => hex(senderKeys.find((one) => one.kid === kid)?.secret as string);

async function mediaKeyOf(vector: Vector): Promise<MediaKey> {
  const metadata = (kind: MediaKind) => mediaMetadata({ ...origin, kind });
  return {
    kid: BigInt(`0x${vector.mediaKid}`),
    key: await crypto.subtle.importKey('raw', hex(vector.key) as BufferSource, 'AES-GCM', false, [
      'encrypt',
      'decrypt',
    ]),
    salt: hex(vector.salt),
    metadata: { audio: metadata('audio'), video: metadata('video') },
  };
}

describe.each(backends)('media frames on $label', ({ provider }) => {
  test.each(media)('$mimeType, counter $ctr', async (vector) => {
    const key = await run(mediaFrameKey(provider, mediaIndex, { kid: vector.kid, secret: secretOf(vector) }));
    expect(key).toMatchObject({ kid: BigInt(`0x${vector.mediaKid}`), key: hex(vector.key), salt: hex(vector.salt) });
    expect(mediaMetadata({ ...origin, kind: vector.kind })).toEqual(hex(vector.metadata));
    expect(dressFrame(hex(vector.sealed), hex(vector.original), vector)).toEqual(hex(vector.frame));
    const sealed = undressFrame(hex(vector.frame)) as Uint8Array;
    expect(await run(openFrame(provider, key, hex(vector.metadata), sealed))).toEqual(hex(vector.original));
  });
});

test('the worker of a page makes and reads the same bytes', async () => {
  for (const vector of media) {
    const key = await mediaKeyOf(vector);
    const own = new OwnMediaKey(() => {});
    own.replace(key);
    for (let ctr = 0; ctr < vector.ctr; ctr++) await own.seal(new Uint8Array(0), 'audio');
    expect(await own.seal(hex(vector.original), vector.kind)).toEqual(hex(vector.sealed));
    const keys = new MemberKeys(() => 0);
    keys.add(origin, key, false);
    const outcome = await keys.open(hex(vector.sealed), vector.kind, origin.address);
    expect(outcome).toMatchObject({ kind: 'opened', frame: hex(vector.original).buffer });
  }
});

test.each(media)('read by hand, from the pages of RFC 9605 alone: $mimeType', (vector) => {
  const sealed = hex(vector.sealed);
  const kid = Buffer.from(vector.mediaKid.padStart(16, '0'), 'hex');
  // §4.3: both lengths in the first byte, then the KID and, where it is above 7, the counter.
  const first = sealed[0] as number;
  const kidLength = ((first >> 4) & 7) + 1;
  const ctrLength = (first & 8) === 0 ? 0 : (first & 7) + 1;
  const header = sealed.subarray(0, 1 + kidLength + ctrLength);
  expect(Buffer.from(header.subarray(1, 1 + kidLength))).toEqual(kid.subarray(8 - kidLength));
  // §4.4.2, suite 5.
  const expand = (label: string, length: number) =>
    Buffer.from(
      hkdfSync('sha512', secretOf(vector), '', Buffer.concat([Buffer.from(label), kid, Buffer.of(0, 5)]), length),
    );
  const nonce = expand('SFrame 1.0 Secret salt ', 12);
  // §4.4.3: the counter at the end of the nonce.
  nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ vector.ctr) >>> 0, 8);
  const decipher = createDecipheriv('aes-256-gcm', expand('SFrame 1.0 Secret key ', 32), nonce);
  decipher.setAAD(Buffer.concat([header, hex(vector.metadata)])).setAuthTag(sealed.subarray(-16));
  const plaintext = Buffer.concat([decipher.update(sealed.subarray(header.length, -16)), decipher.final()]);
  expect(plaintext.toString('hex')).toBe(vector.original);
});

test('a key asks for the next one when half of it is used up, and ends with its last frame', async () => {
  let asked = 0;
  const own = new OwnMediaKey(() => asked++, 8);
  const vector = media[0] as Vector;
  const key = await mediaKeyOf(vector);
  const seal = () => own.seal(new Uint8Array(4), 'video');
  own.replace(key);
  for (let i = 1; i <= 8; i++) {
    expect(await seal()).toBeDefined();
    expect(asked).toBe(i < 4 ? 0 : 1);
  }
  expect(await seal()).toBeUndefined();
  // The same key, or one from before, does not begin anew.
  expect(own.replace(key)).toBe(false);
  expect(own.replace({ ...key, kid: key.kid - 1n })).toBe(false);
  expect(await seal()).toBeUndefined();
  expect(own.replace({ ...key, kid: key.kid + 1n })).toBe(true);
  for (let i = 1; i <= 8; i++) expect(await seal()).toBeDefined();
  expect([asked, await seal()]).toEqual([2, undefined]);
});
