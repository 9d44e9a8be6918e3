import { inflateSync } from 'node:zlib';
import { decodeQR } from 'qr/decode.js';
import { expect, test } from 'vitest';
import { qrLines, qrPng, qrSvg } from '../../src/adapters/qr/index.js';
import { qrModules } from '../../src/adapters/qr/modules.js';
import { readQr } from './camera.js';

const SHORT = 'sealmq:link/abc';
const TEXTS = [SHORT, `sealmq:card/${'x1_-'.repeat(108)}`, `sealmq:card/${'x1_-'.repeat(730)}`];

/** The chunks of an image by their names; its pixels as a camera gets them. */
function readPng(bytes: Uint8Array) {
  const png = Buffer.from(bytes);
  const chunks = new Map<string, Buffer>();
  for (let at = 8; at < png.length; at += png.readUInt32BE(at) + 12) {
    chunks.set(png.toString('latin1', at + 4, at + 8), png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  }
  const header = chunks.get('IHDR') as Buffer;
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const lines = inflateSync(chunks.get('IDAT') as Buffer);
  const data = new Uint8Array(width * height * 4).fill(255);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const light = ((lines[y * (width / 8 + 1) + 1 + (x >> 3)] as number) >> (7 - (x & 7))) & 1;
      if (!light) data.fill(0, (y * width + x) * 4, (y * width + x) * 4 + 3);
    }
  }
  return { width, height, data, names: [...chunks.keys()], header };
}

test.each(TEXTS)('a reader of QR codes reads what a terminal shows', (text) =>
  expect(readQr(qrLines(text))).toBe(text),
);

test.each(TEXTS)('a reader of QR codes reads the image', async (text) => {
  const { names, header, ...image } = readPng(await qrPng(text));
  expect(names).toEqual(['IHDR', 'IDAT', 'IEND']);
  expect(decodeQR(image, { effort: Number.POSITIVE_INFINITY, timeLimit: Number.POSITIVE_INFINITY })).toBe(text);
});

test('the checksums of the image are those of the format', async () => {
  // That of an empty IEND stands in the specification.
  const png = Buffer.from(await qrPng(SHORT));
  expect(png.subarray(-4).toString('hex')).toBe('ae426082');
});

test('an SVG has the modules of the terminal, on white, with a quiet zone of four', () => {
  const svg = qrSvg(SHORT);
  expect(svg).toMatch(/^<svg viewBox="0 0 29 29" [^>]*><rect width="100%" height="100%" fill="#fff"\/><path d="M4 4h/);
  const dark = qrModules(SHORT).flat().filter(Boolean).length;
  expect(svg.match(/h1v1/g)).toHaveLength(dark);
});

test('what no QR code can hold is refused', async () => {
  const text = 'x'.repeat(2954);
  const refused = { code: 'USAGE_PAYLOAD_TOO_LARGE' };
  for (const draw of [qrLines, qrSvg]) expect(() => draw(text)).toThrow(expect.objectContaining(refused));
  await expect(qrPng(text)).rejects.toMatchObject(refused);
});
