import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nativeProvider } from '../../src/crypto/native.js';
import { run } from '../../src/crypto/steps.js';
import { escapeNal, unescapeNal } from '../../src/protocol/room/media/annex-b.js';
import { dressFrame, type EncodedFrameKind, undressFrame } from '../../src/protocol/room/media/media-form.js';
import {
  fitsMedia,
  isMediaIndex,
  mediaFrameKey,
  mediaKid,
  pickMediaIndex,
  readMediaKid,
} from '../../src/protocol/room/media/media-kid.js';
import { kidOf, senderKeyOf } from '../../src/protocol/room/sender-key.js';
import { hex } from '../bytes/hex.js';

const SEALED = Uint8Array.from({ length: 300 }, (_, i) => (i % 7 < 4 ? 0 : i % 7 === 4 ? 1 : i));

/** The first bytes of frames as Chromium's encoders made them, and what of them a network may see. */
const FRAMES: readonly {
  readonly name: string;
  readonly of: EncodedFrameKind;
  readonly original: string;
  readonly clear: string;
}[] = [
  {
    name: 'VP8 key frame: its header with the size',
    of: { kind: 'video', mimeType: 'video/VP8', isKey: true },
    original: '3036009d012a4001f000393d00161c22161622661220',
    clear: '3036009d012a4001f000',
  },
  {
    name: 'VP8 delta frame: one byte',
    of: { kind: 'video', mimeType: 'video/VP8', isKey: false },
    original: 'd11400e4c8dfb92307a747a7d88517f219c0348a330b',
    clear: 'd1',
  },
  {
    name: 'VP9: nothing',
    of: { kind: 'video', mimeType: 'video/VP9', isKey: true },
    original: '824983420013f00ef41438241c18da00051050',
    clear: '',
  },
  {
    name: 'Opus: nothing',
    of: { kind: 'audio', mimeType: 'audio/opus', isKey: false },
    original: '780be4c136ecc58d8c49469904c5',
    clear: '',
  },
  {
    name: 'H.264 key frame: parameter sets without what stands between them, and the head of the first slice',
    of: { kind: 'video', mimeType: 'video/H264', isKey: true },
    // Parameter sets, a message to the receiver (SEI), a slice; one start code is of three bytes.
    original: '000000016742c0158c8d40a0000000016804ce3c800000010605aabbcc0000000165b80004004fffff8800000001654fffff',
    clear: '000000016742c0158c8d40a0000000016804ce3c800000000165b8',
  },
  {
    name: 'H.264 delta frame: the head of its slice',
    of: { kind: 'video', mimeType: 'video/H264', isKey: false },
    original: '0000000161e0004000be405382fed84de7a7fe2fc25f3d19',
    clear: '0000000161e0',
  },
  {
    name: 'AV1 key frame: that it is one',
    of: { kind: 'video', mimeType: 'video/AV1', isKey: true },
    original: '12000a0a000000043cffbc01a00832a00c104b80',
    clear: '0aad02',
  },
  {
    name: 'AV1 delta frame: that it is none',
    of: { kind: 'video', mimeType: 'video/AV1', isKey: false },
    original: '120032bf0630c040fdf8012b83403bb01d70',
    clear: '32ad02',
  },
];

describe('what a network sees of an encoded frame', () => {
  test.each(FRAMES)('$name', ({ of, original, clear }) => {
    const dressed = dressFrame(SEALED, hex(original), of) as Uint8Array;
    const shown = hex(clear);
    expect(dressed.subarray(0, shown.length)).toEqual(shown);
    const rest = dressed.subarray(shown.length);
    const body = new Uint8Array([...SEALED, dressed.at(-1) as number]);
    expect(rest).toEqual(of.mimeType === 'video/H264' ? escapeNal(body) : body);
    expect(undressFrame(dressed)).toEqual(SEALED);
  });

  test('video whose packets cannot carry it goes nowhere', () => {
    expect(dressFrame(SEALED, SEALED, { kind: 'video', mimeType: 'video/H265', isKey: true })).toBeUndefined();
    expect(dressFrame(SEALED, SEALED, { kind: 'video', mimeType: '', isKey: true })).toBeUndefined();
    const noSlice = hex('000000016742c0158c8d40a0');
    expect(dressFrame(SEALED, noSlice, { kind: 'video', mimeType: 'video/H264', isKey: true })).toBeUndefined();
  });

  test('anything at all is read without a throw', () => {
    const marked = fc.tuple(fc.uint8Array({ maxLength: 60 }), fc.integer({ min: 0, max: 5 }));
    fc.assert(fc.property(marked, ([bytes, mark]) => void undressFrame(new Uint8Array([...bytes, mark]))));
    expect(undressFrame(new Uint8Array(0))).toBeUndefined();
  });
});

test('an escaped body has no start code, and comes back as it was', () => {
  const zeroes = fc.array(fc.constantFrom(0, 0, 0, 1, 2, 3, 4), { maxLength: 200 });
  fc.assert(
    fc.property(zeroes, (numbers) => {
      const body = Uint8Array.of(0xf0, ...numbers, 2);
      const escaped = escapeNal(body);
      expect(Buffer.from(escaped).toString('hex').match(/.{2}/g)?.join(' ')).not.toMatch(/00 00 0[0-2]/);
      expect(unescapeNal(escaped)).toEqual(body);
    }),
  );
});

describe('a KID of media', () => {
  test('has 24 bits of a member before 40 of a key', () => {
    const kid = kidOf(5, 7);
    expect(mediaKid(0xabcdef, kid)).toBe(0xabcdef_0000000507n);
    expect(readMediaKid(0xabcdef_0000000507n)).toEqual({ index: 0xabcdef, kid });
    expect(readMediaKid(BigInt(kid))).toBeUndefined();
    expect(fitsMedia(2 ** 40 - 1)).toBe(true);
    expect(fitsMedia(2 ** 40)).toBe(false);
  });

  test('has a random member that nobody has yet', () => {
    const provider = nativeProvider();
    const script = [Uint8Array.of(0, 0, 0), Uint8Array.of(0, 0, 9), Uint8Array.of(1, 2, 3)];
    const scripted = { ...provider, randomBytes: () => script.shift() as Uint8Array };
    expect(pickMediaIndex(scripted, new Set([9]))).toBe(0x010203);
    expect(isMediaIndex(pickMediaIndex(provider, new Set()))).toBe(true);
  });

  test('makes another key of the same secret: counters of media and of frames never meet', async () => {
    const provider = nativeProvider();
    const sender = await run(senderKeyOf(provider, kidOf(1, 0), new Uint8Array(32).fill(1)));
    const media = await run(mediaFrameKey(provider, 9, sender));
    const other = await run(mediaFrameKey(provider, 10, sender));
    const all = [sender.frameKey, media, other].map(({ key }) => Buffer.from(key).toString('hex'));
    expect(new Set(all).size).toBe(3);
  });
});
