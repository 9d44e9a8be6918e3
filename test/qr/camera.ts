import { decodeQR } from 'qr/decode.js';

/** What a camera sees of lines of half blocks, black on white: each module as a square. */
export function readQr(lines: readonly string[]): string {
  const scale = 4;
  const cells = lines.map((line) => [...(/m([ ▀▄█]+)/.exec(line)?.[1] ?? '')]);
  const rows = cells.flatMap((line) => ['▀█', '▄█'].map((dark) => line.map((cell) => dark.includes(cell))));
  const [width, height] = [(rows[0]?.length ?? 0) * scale, rows.length * scale];
  const data = new Uint8Array(width * height * 4).fill(255);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (rows[Math.floor(y / scale)]?.[Math.floor(x / scale)])
        data.fill(0, (y * width + x) * 4, (y * width + x) * 4 + 3);
    }
  }
  return decodeQR({ width, height, data });
}
