import { qrModules } from './modules.js';

/** Black on white, whatever the terminal's own colours are, and back. */
const COLOURS = '\u001b[38;5;16;48;5;231m';
const RESET = '\u001b[0m';

/**
 * `text` as a QR code for a terminal, a line for each two rows of modules.
 *
 * @throws `USAGE_PAYLOAD_TOO_LARGE` beyond 2,953 bytes
 */
export function qrLines(text: string): string[] {
  const rows = qrModules(text);
  const lines: string[] = [];
  for (let y = 0; y < rows.length; y += 2) {
    const [upper = [], lower = []] = [rows[y], rows[y + 1]];
    const cells = upper.map((dark, x) => (dark ? (lower[x] ? '█' : '▀') : lower[x] ? '▄' : ' '));
    lines.push(`${COLOURS}${cells.join('')}${RESET}`);
  }
  return lines;
}
