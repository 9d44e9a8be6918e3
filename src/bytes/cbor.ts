/** Deterministic CBOR (RFC 8949 §4.2), as much of it as the profile uses: see docs/adr/0004-our-own-cbor.md. */
export { CborReader, decodeCbor } from './cbor-decode.js';
export { type Encodable, encodeAt, encodeBriefly, encodeCbor, headSize, sizeOf, writeHead } from './cbor-encode.js';
export { type CborMap, type CborValue, Major, Tagged } from './cbor-value.js';
