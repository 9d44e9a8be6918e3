import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { decodeCbor, encodeCbor } from '../../src/bytes/cbor.js';
import { run } from '../../src/crypto/steps.js';
import {
  combineFingerprints,
  compareSafetyNumber,
  fingerprint,
  MAX_MEMBERS,
  type SafetyMember,
  safetyNumber,
} from '../../src/protocol/identity/index.js';
import { backends, hex, readVectors } from '../crypto/backends.js';
import { native } from '../envelope/parties.js';
import { now } from './accounts.js';

interface NumberVector {
  readonly name: string;
  readonly members: readonly { readonly address: string; readonly identity: string; readonly fingerprint: string }[];
  readonly digits: string;
  readonly code: string;
}
const { numbers } = readVectors<{ numbers: readonly NumberVector[] }>('contacts.json');

const members = (...names: string[]): SafetyMember[] =>
  names.map((address) => ({ address, identity: createHash('sha256').update(address).digest() }));
const numberOf = (...names: string[]) => now(safetyNumber(native, members(...names)));

/** The computation once more, from its description. */
function byTheBook(all: readonly SafetyMember[]): string {
  const iterate = (input: Uint8Array) => {
    let digest = Buffer.from(input);
    for (let i = 0; i < 5200; i++) digest = createHash('sha512').update(digest).update(input).digest();
    return digest;
  };
  const prints = all.map(({ address, identity }) =>
    iterate(encodeCbor(['sealmq/1 fingerprint', 1, address, Uint8Array.from(identity)])),
  );
  prints.sort(Buffer.compare);
  const list = encodeCbor(['sealmq/1 safety number', 1, prints.map((print) => Uint8Array.from(print))]);
  const digest = iterate(createHash('sha512').update(list).digest());
  return Array.from({ length: 12 }, (_, i) => String(digest.readUIntBE(i * 5, 5) % 100_000).padStart(5, '0')).join(' ');
}

describe('the vectors', () => {
  const [two] = numbers;
  test.each(backends)('hold on $label', async ({ provider }) => {
    const members = (two?.members ?? []).map(({ address, identity }) => ({ address, identity: hex(identity) }));
    const prints = [];
    for (const member of members) prints.push(await run(fingerprint(provider, member)));
    expect(prints).toEqual(two?.members.map((member) => hex(member.fingerprint)));
    const number = await run(combineFingerprints(provider, members, prints));
    expect(number).toEqual({ digits: two?.digits, code: two?.code });
  });

  test.each(numbers)('$name', ({ members, digits, code }) => {
    const all = members.map(({ address, identity }) => ({ address, identity: hex(identity) }));
    expect(now(safetyNumber(native, all))).toEqual({ digits, code });
    expect(byTheBook(all)).toBe(digits);
  });
});

test('the order of the members does not matter; who they are, and each of their keys, does', () => {
  const { digits } = numberOf('alice', 'bob', 'carol');
  expect(digits).toMatch(/^(\d{5} ){11}\d{5}$/);
  expect(numberOf('carol', 'alice', 'bob').digits).toBe(digits);
  expect(numberOf('alice', 'bob').digits).not.toBe(digits);
  expect(numberOf('alice', 'bob', 'dave').digits).not.toBe(digits);
  const [alice, bob, carol] = members('alice', 'bob', 'carol') as [SafetyMember, SafetyMember, SafetyMember];
  for (const all of [
    [alice, { ...bob, identity: carol.identity }, carol],
    [{ ...alice, identity: bob.identity }, { ...bob, identity: alice.identity }, carol],
  ]) {
    expect(now(safetyNumber(native, all)).digits).not.toBe(digits);
  }
});

describe('a comparison', () => {
  const ours = numberOf('alice', 'bob');
  const others = numberOf('alice', 'carol');
  const changed = now(safetyNumber(native, [...members('alice'), { address: 'bob', identity: new Uint8Array(32) }]));
  const unreadable = { code: 'DECODE_SAFETY_NUMBER' };

  test('takes the code, and the digits as people type them', () => {
    const typed = ours.digits.replaceAll(' ', '');
    const forms = [ours.code, ` ${ours.code}\n`, ours.digits, typed, ours.digits.replaceAll(' ', '-')];
    for (const form of [...forms, ours.digits.replace(/(.{35}) /, '$1\n')]) {
      expect(compareSafetyNumber(ours, form)).toBe('same');
    }
  });

  test('tells another key from other people; digits cannot', () => {
    expect(compareSafetyNumber(ours, changed.code)).toBe('different');
    expect(compareSafetyNumber(ours, changed.digits)).toBe('different');
    expect(compareSafetyNumber(ours, others.code)).toBe('other-members');
    expect(compareSafetyNumber(ours, others.digits)).toBe('different');
  });

  test('finds every single wrong digit', () => {
    const digits = ours.digits.replaceAll(' ', '');
    for (let i = 0; i < 60; i++) {
      const wrong = `${digits.slice(0, i)}${(Number(digits[i]) + 1) % 10}${digits.slice(i + 1)}`;
      expect(compareSafetyNumber(ours, wrong)).toBe('different');
    }
  });

  test('reads nothing else', () => {
    const map = decodeCbor(Buffer.from(ours.code.slice(14), 'base64url').subarray(0)) as Map<string, unknown>;
    const version2 = encodeCbor(new Map([...map, ['version', 2]]) as never);
    const texts = [
      ...['', '12345', `${ours.digits} 1`, ours.digits.replace('0', 'O').replace('1', 'l'), '٣'.repeat(60)],
      ...[ours.code.slice(0, -4), `${ours.code}AAAA`, `sealmq:safety/${Buffer.from(version2).toString('base64url')}`],
      ...['sealmq:card/AAAA', '1'.repeat(100_000)],
    ];
    for (const text of texts.filter((text) => text !== ours.digits)) {
      expect(() => compareSafetyNumber(ours, text), text.slice(0, 80)).toThrow(expect.objectContaining(unreadable));
    }
  });
});

test('is one of 2 to 256 different people', () => {
  const refused = expect.objectContaining({ code: 'USAGE_INVALID_ARGUMENT' });
  const many = Array.from({ length: MAX_MEMBERS + 1 }, (_, i) => `user${i}`);
  for (const names of [[], ['alice'], ['alice', 'bob', 'alice'], many]) {
    expect(() => numberOf(...names)).toThrow(refused);
  }
  expect(() => numberOf('alice', 'Bob')).toThrow(expect.objectContaining({ code: 'USAGE_INVALID_ADDRESS' }));
});
