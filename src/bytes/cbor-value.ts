/** What the profile's CBOR can hold. Integers are safe JavaScript integers; map keys are integers or text. */
export type CborValue = number | string | boolean | null | Uint8Array | readonly CborValue[] | CborMap | Tagged;

/** A CBOR map with integer or text keys. */
export type CborMap = ReadonlyMap<number | string, CborValue>;

/** A tagged value (RFC 8949 §3.4). */
export class Tagged<Value = CborValue> {
  constructor(
    readonly tag: number,
    readonly value: Value,
  ) {}
}

/** What the first three bits of a head say (RFC 8949 §3.1), in their place. */
export const Major = {
  unsigned: 0x00,
  negative: 0x20,
  bytes: 0x40,
  text: 0x60,
  array: 0x80,
  map: 0xa0,
  tag: 0xc0,
  simple: 0xe0,
} as const;

/** The simple values of the profile, as whole heads (RFC 8949 §3.3). */
export const Simple = { false: 0xf4, true: 0xf5, null: 0xf6 } as const;
