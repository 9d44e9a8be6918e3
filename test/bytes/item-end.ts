import { CborReader } from '../../src/bytes/cbor.js';

/** The offset just behind the data item that starts at `start`. */
export function itemEnd(bytes: Uint8Array, start: number): number {
  const reader = new CborReader(bytes, start);
  reader.item();
  return reader.offset;
}
