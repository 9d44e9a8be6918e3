import { encodeQR } from 'qr';
import { SealMQError } from '../../errors.js';

/** Light modules around a code: four, as ISO/IEC 18004 asks for. */
export const QUIET_ZONE = 4;

/** Dark modules by row, for `text` with the lowest error correction: what is shown on a screen is not scratched. */
export function qrModules(text: string, border?: number): boolean[][] {
  return fitting(() => encodeQR(text, 'raw', { ecc: 'low', ...(border !== undefined && { border }) }));
}

/** @throws {@link SealMQError} `USAGE_PAYLOAD_TOO_LARGE` when `encode` has no code that is large enough */
export function fitting<T>(encode: () => T): T {
  try {
    return encode();
  } catch (cause) {
    throw new SealMQError('USAGE_PAYLOAD_TOO_LARGE', 'too much for a QR code: hand it over as a link', cause);
  }
}
