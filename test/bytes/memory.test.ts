import { expect, it } from 'vitest';
import { encodeBriefly, encodeCbor } from '../../src/bytes/cbor.js';
import { giveBack, lend } from '../../src/bytes/memory.js';

const LARGE = 20_000;

it('lends what was given back, and never what is out', () => {
  const first = lend(LARGE);
  const second = lend(LARGE);
  expect([first.length, second.length]).toEqual([LARGE, LARGE]);
  expect(first.buffer).not.toBe(second.buffer);
  giveBack(first);
  const third = lend(LARGE + 1);
  expect(third.buffer).toBe(first.buffer);
  expect(lend(LARGE).buffer).not.toBe(third.buffer);
});

it('takes nothing back twice, and nothing that is not its own', () => {
  const mine = new Uint8Array(LARGE);
  const lent = lend(LARGE);
  const part = lent.subarray(10, 20);
  giveBack(mine);
  giveBack(part);
  giveBack(lent);
  const buffers = [lend(LARGE), lend(LARGE), lend(LARGE)].map(({ buffer }) => buffer);
  expect(new Set(buffers).size).toBe(3);
  expect(buffers).not.toContain(mine.buffer);
});

it('makes small ones anew, each in memory of its own length', () => {
  const small = lend(100);
  giveBack(small);
  expect(small.buffer.byteLength).toBe(100);
  expect(lend(100).buffer).not.toBe(small.buffer);
});

it('keeps no more than some megabytes', () => {
  const all = Array.from({ length: 16 }, () => lend(1 << 20));
  const known = new Set(all.map(({ buffer }) => buffer));
  all.forEach(giveBack);
  const again = Array.from({ length: 16 }, () => lend(1 << 20).buffer);
  expect(again.filter((buffer) => known.has(buffer))).toHaveLength(4);
});

it('encodes briefly into used memory what it would encode into new', () => {
  const value = ['text', new Uint8Array(LARGE).fill(7), 5];
  const dirty = lend(LARGE + 100).fill(0xff);
  giveBack(dirty);
  const brief = encodeBriefly(value);
  expect(brief.buffer).toBe(dirty.buffer);
  expect(brief).toEqual(encodeCbor(value));
});
