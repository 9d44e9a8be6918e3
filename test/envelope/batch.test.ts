import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { BatchedVector, Vectors } from '../../scripts/vectors/types.js';
import { toHex } from '../../src/bytes/bytes.js';
import { encodeCbor } from '../../src/bytes/cbor.js';
import {
  BATCH_TYPE,
  type BatchMessage,
  decodeBatch,
  encodeBatch,
  MAX_BATCH_BYTES,
  MAX_BATCH_MESSAGES,
} from '../../src/protocol/envelope/batch.js';

const file = readFileSync(new URL('../vectors/envelope.json', import.meta.url), 'utf8');
const { batches, sealed } = JSON.parse(file) as Vectors;

const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));
const messageOf = ({ id, payload, inReplyTo, ...texts }: BatchedVector): BatchMessage => ({
  ...{ id: bytesOf(id), payload: bytesOf(payload), ...texts },
  ...(inReplyTo !== undefined && { inReplyTo: bytesOf(inReplyTo) }),
});

describe('batches', () => {
  it.each(batches.accepted)('$name: $about', ({ messages, bytes }) => {
    expect(decodeBatch(bytesOf(bytes))).toEqual(messages.map(messageOf));
    expect(toHex(encodeBatch(messages.map(messageOf)))).toBe(bytes);
  });

  it.each(batches.refused)('refuses $about', ({ bytes }) => {
    expect(() => decodeBatch(bytesOf(bytes))).toThrow(expect.objectContaining({ code: 'DECODE_CLAIMS' }));
  });

  it('travel as the payload of a sealed message', () => {
    const vector = sealed.find(({ name }) => name === 'batch');
    expect(vector?.claims).toMatchObject({ contentType: BATCH_TYPE, seq: 11 });
    expect(vector?.payload).toBe(batches.accepted[0]?.bytes);
  });

  it('have 100 KiB at most', () => {
    const message = (length: number) => ({ id: new Uint8Array(16), payload: new Uint8Array(length) });
    const batch = encodeBatch([message(MAX_BATCH_BYTES - 100), message(0)]);
    const spare = MAX_BATCH_BYTES - batch.length;
    const most = encodeBatch([message(MAX_BATCH_BYTES - 100), message(spare - 2)]);
    expect(decodeBatch(most)).toHaveLength(2);
    expect(() => encodeBatch([message(MAX_BATCH_BYTES), message(0)])).toThrow(
      expect.objectContaining({ code: 'USAGE_PAYLOAD_TOO_LARGE' }),
    );
    const claims = new Map([[15, new Map([[7, new Uint8Array(16)]])]]);
    const large = encodeCbor([claims, new Uint8Array(MAX_BATCH_BYTES), claims, new Uint8Array(0)]);
    expect(() => decodeBatch(large)).toThrow(expect.objectContaining({ code: 'DECODE_CLAIMS' }));
  });

  it('have two messages at least and 256 at most', () => {
    const message = { id: new Uint8Array(16), payload: new Uint8Array(0) };
    for (const count of [0, 1, MAX_BATCH_MESSAGES + 1]) {
      const messages = Array.from({ length: count }, () => message);
      expect(() => encodeBatch(messages)).toThrow(expect.objectContaining({ code: 'USAGE_INVALID_ARGUMENT' }));
    }
    const most = Array.from({ length: MAX_BATCH_MESSAGES }, () => message);
    expect(decodeBatch(encodeBatch(most))).toHaveLength(MAX_BATCH_MESSAGES);
  });
});
