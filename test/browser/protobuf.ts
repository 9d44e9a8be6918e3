/** Fields of Protocol Buffers, encoded: as much as a push service says. */

const VARINT = 0;
const FIXED_64 = 1;
const BYTES = 2;

/** A length or a number, seven bits a byte. */
export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}

export function numberField(field: number, value: number): Buffer {
  return Buffer.concat([key(field, VARINT), varint(value)]);
}

export function fixed64Field(field: number, value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return Buffer.concat([key(field, FIXED_64), bytes]);
}

/** Text, bytes, or a message within the message. */
export function bytesField(field: number, value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value as string);
  return Buffer.concat([key(field, BYTES), varint(bytes.length), bytes]);
}

function key(field: number, type: number): Buffer {
  return varint(field * 8 + type);
}
