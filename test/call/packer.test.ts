import { expect, test } from 'vitest';
import { Inflow } from '../../src/client/call/inflow.js';
import { Line } from '../../src/client/call/line.js';
import { nativeProvider } from '../../src/crypto/native.js';
import type { CryptoProvider } from '../../src/crypto/provider.js';
import { webcryptoProvider } from '../../src/crypto/webcrypto.js';
import { nextTask } from '../../src/pause.js';
import { readCounter, recordCipher } from '../../src/protocol/call/cipher.js';
import { type CallRecord, decodeRecord, MAX_RECORD_BYTES, Stream } from '../../src/protocol/call/record.js';
import { seededRandom } from '../../src/testing/seeded.js';

/** A line from Alice to Bob, and the records of its ordered stream that went over it; one in ten is lost, until it is said again. */
function lossy(provider: CryptoProvider) {
  const records: number[] = [];
  const { next } = seededRandom(11);
  const way = { isLossy: true };
  const end = (ours: number, theirs: number) => {
    const cipherOf = (key: number) => recordCipher(provider, new Uint8Array(32).fill(key), new Uint8Array(16));
    const broken = (error: Error) => expect.unreachable(error.message);
    const events = { heard: () => {}, gone: () => {}, broken };
    return new Line({ sending: cipherOf(ours), receiving: cipherOf(theirs), maxMessageBytes: 1 << 22, events });
  };
  const [alice, bob] = [end(1, 2), end(2, 1)];
  const passes = ({ ctr, ct }: CallRecord) => {
    if (readCounter(ctr).high !== Stream.ordered) return true;
    records.push(readCounter(ctr).low);
    expect(ctr.length + ct.length).toBeLessThanOrEqual(MAX_RECORD_BYTES);
    return !way.isLossy || next(10) > 0;
  };
  const to = (other: Line) => ({
    ...{ path: 'mqtt' as const, full: () => false, clear: true, onRoom: () => {} },
    send(_channel: string, bytes: Uint8Array) {
      const record = decodeRecord(bytes.slice());
      if (passes(record)) queueMicrotask(() => other.take(record, 'mqtt'));
    },
  });
  alice.use(to(bob));
  bob.use(to(alice));
  return { alice, bob, records, way };
}

test.each([
  ['native', nativeProvider()],
  ['webcrypto', webcryptoProvider()],
])('what is sent in one turn travels together, and comes whole and in order: %s', async (_name, provider) => {
  const { alice, bob, records, way } = lossy(provider);
  const { next } = seededRandom(5);
  const texts = Array.from({ length: 600 }, (_, i) => `${i} `.repeat(next(i % 50 === 0 ? 40_000 : 200)));
  let sent = 0;
  const sending = (async () => {
    while (sent < texts.length) {
      const turn = texts.slice(sent, sent + 1 + next(60));
      for (const text of turn) void alice.send(text, 'ordered');
      sent += turn.length;
      await nextTask();
    }
    await alice.end();
  })();
  const got: (string | undefined)[] = [];
  const reading = (async () => {
    for await (const { text } of bob.messages()) got.push(text);
  })();
  await new Promise((resolve) => setTimeout(resolve, 50));
  const first = records.slice();
  expect(first).toEqual(first.map((_, i) => i));
  way.isLossy = false;
  alice.repeat();
  await Promise.all([sending, reading]);
  expect(got.length).toBe(texts.length);
  expect(got.every((text, i) => text === texts[i])).toBe(true);
  expect(new Set(records).size).toBeLessThan(200);
});

test('a message that is sent alone goes out at the end of the turn', async () => {
  const { alice, records, way } = lossy(nativeProvider());
  way.isLossy = false;
  await alice.send('alone', 'ordered');
  expect([records, alice.pending]).toEqual([[], true]);
  await nextTask();
  expect(records).toEqual([0]);
  await alice.send('another turn', 'ordered');
  await nextTask();
  expect(records).toEqual([0, 1]);
});

const piece = (size: number) => ({ text: false, last: true, bytes: new Uint8Array(size) });

test('the application is done with a record when it is with its last message', () => {
  const inflow = new Inflow(1 << 20);
  inflow.take(Stream.ordered, 0, [piece(1), piece(2), piece(3)]);
  inflow.take(Stream.ordered, 1, [piece(4)]);
  const taken = Array.from({ length: 5 }, () => [inflow.shift()?.bytes.length, inflow.taken]);
  expect(taken).toEqual([
    [1, 0],
    [2, 0],
    [3, 0],
    [4, 1],
    [undefined, 2],
  ]);
});

test('whoever keeps a small message does not keep the record that it came in', async () => {
  const { alice, bob, way } = lossy(nativeProvider());
  way.isLossy = false;
  for (const size of [10, 1_000, 40_000]) void alice.send(new Uint8Array(size), 'ordered');
  const memory: number[] = [];
  for await (const { bytes } of bob.messages()) if (memory.push(bytes.buffer.byteLength) === 3) break;
  expect(memory.slice(0, 2)).toEqual([10, 1_000]);
  expect(memory[2]).toBeLessThan(42_000);
});

test('several pieces of the unordered stream in one record break the rules', () => {
  const inflow = new Inflow(1 << 20);
  const placed = (message: number) => ({ ...piece(1), place: { message, index: 0 } });
  expect(() => inflow.take(Stream.unordered, 0, [placed(0), placed(1)])).toThrow(
    expect.objectContaining({ code: 'DECODE_CLAIMS' }),
  );
});
