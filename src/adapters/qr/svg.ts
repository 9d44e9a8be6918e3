import { encodeQR } from 'qr';
import { fitting, QUIET_ZONE } from './modules.js';

/** White behind it, also on a dark page. */
const BACKGROUND = '<rect width="100%" height="100%" fill="#fff"/>';

/** `text` as a QR code in SVG, black on white. @throws `USAGE_PAYLOAD_TOO_LARGE` beyond 2,953 bytes */
export function qrSvg(text: string): string {
  const svg = fitting(() => encodeQR(text, 'svg', { ecc: 'low', border: QUIET_ZONE }));
  return svg.replace('>', `>${BACKGROUND}`);
}
