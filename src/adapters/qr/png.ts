import { concat, utf8 } from '../../bytes/bytes.js';
import { QUIET_ZONE, qrModules } from './modules.js';

/** Pixels for each module: at one bit a pixel, eight of them are one byte. */
const MODULE_PIXELS = 8;

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

/** One bit a pixel, grey; the only methods of compression and filtering; no interlacing (PNG, third edition, §11.2.1). */
const FORMAT = Uint8Array.of(1, 0, 0, 0, 0);

/** `text` as a QR code in a PNG image, black on white, 8 pixels a module. @throws `USAGE_PAYLOAD_TOO_LARGE` beyond 2,953 bytes */
export async function qrPng(text: string): Promise<Uint8Array> {
  const rows = qrModules(text, QUIET_ZONE);
  const side = uint32(rows.length * MODULE_PIXELS);
  const lines = rows.flatMap((row) => {
    // Each line begins with its filter: none.
    const line = Uint8Array.of(0, ...row.map((dark) => (dark ? 0 : 0xff)));
    return Array.from({ length: MODULE_PIXELS }, () => line);
  });
  return concat(
    SIGNATURE,
    chunk('IHDR', concat(side, side, FORMAT)),
    chunk('IDAT', await zlib(concat(...lines))),
    chunk('IEND', new Uint8Array(0)),
  );
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const checked = concat(utf8(type), data);
  return concat(uint32(data.length), checked, uint32(crc32(checked)));
}

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

/** The platform's own, in Node as in browsers (RFC 1950). */
async function zlib(data: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([data as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new CompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** PNG, third edition, annex D, bit by bit: a code is small. */
function crc32(data: Uint8Array): number {
  let crc = -1;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
