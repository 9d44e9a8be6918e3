import { expect, test } from 'vitest';
import { equal } from '../../src/bytes/bytes.js';
import { Outflow } from '../../src/client/call/outflow.js';
import { RecordMemory, type Slot } from '../../src/client/call/record-memory.js';
import type { Way } from '../../src/client/call/way.js';
import { nativeProvider } from '../../src/crypto/native.js';
import { nextTask } from '../../src/pause.js';
import { readCounter, recordCipher } from '../../src/protocol/call/cipher.js';
import { decodeRecord, MAX_RECORD_BYTES, Stream } from '../../src/protocol/call/record.js';
import { seededRandom } from '../../src/testing/seeded.js';

test('no two records have memory in common while both are wanted, and what was given back is used again', () => {
  const { next } = seededRandom(7);
  const memory = new RecordMemory();
  const wanted: { slot: Slot; mark: number }[] = [];
  const slabs = new Set<unknown>();
  for (let i = 0; i < 4_000; i++) {
    const slot = memory.take(1 + next(MAX_RECORD_BYTES));
    slabs.add(slot.bytes.buffer);
    slot.bytes.fill(i % 251);
    wanted.push({ slot, mark: i % 251 });
    // Not in the order in which they came, and never more than some.
    while (wanted.length > next(40)) {
      const [one] = wanted.splice(next(wanted.length), 1);
      if (!one) break;
      if (!one.slot.bytes.every((byte) => byte === one.mark)) expect.unreachable(`record ${i} was written over`);
      memory.give(one.slot);
    }
  }
  expect(slabs.size).toBeLessThan(45);
});

test('what is not acknowledged comes again as it was sent, although memory is used again', async () => {
  const outflow = new Outflow(recordCipher(nativeProvider(), new Uint8Array(32), new Uint8Array(16)));
  const first = new Map<number, Uint8Array>();
  const again = new Map<number, Uint8Array>();
  const memory = new Set<unknown>();
  let sent = first;
  const way: Way = {
    ...{ path: 'direct', full: () => false, clear: true, onRoom: () => {} },
    send(_channel, record) {
      const { high, low } = readCounter(decodeRecord(record).ctr);
      if (high !== Stream.ordered) return;
      memory.add(record.buffer);
      sent.set(low, record.slice());
    },
  };
  outflow.use(way);
  const upTo = async (end: number) => {
    // A record each: the next one does not fit beside it.
    for (let n = first.size; n < end; n++) await outflow.send(new Uint8Array(40_000).fill(n), 'ordered');
    await nextTask();
  };
  const credit = Number.MAX_SAFE_INTEGER;
  for (let done = 0; done < 1_000; done += 50) {
    await upTo(done + 70);
    outflow.acknowledged({ kind: 'ack', next: done + 50, credit, taken: 0 });
  }
  sent = again;
  outflow.repeat();
  expect([...again.keys()]).toEqual(Array.from({ length: 20 }, (_, i) => 1_000 + i));
  for (const [n, record] of again) expect(equal(record, first.get(n) as Uint8Array)).toBe(true);
  // 204 without.
  expect(memory.size).toBeLessThan(20);
});
