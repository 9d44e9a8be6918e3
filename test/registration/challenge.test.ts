import { describe, expect, it } from 'vitest';
import {
  answerChallenge,
  type Challenge,
  CODE_LIFE,
  CODE_TRIES,
  startChallenge,
} from '../../src/protocol/registration/index.js';
import { provider, START } from '../directory/fixtures.js';

const challenge: Challenge = { code: '012345', expiresAt: START + CODE_LIFE, triesLeft: CODE_TRIES };

describe('a challenge', () => {
  it.each([6, 7, 8])('has a code of %i digits', (digits) => {
    const codes = Array.from({ length: 200 }, () => startChallenge(provider, digits, START).code);
    expect(codes.every((code) => new RegExp(`^\\d{${digits}}$`).test(code))).toBe(true);
    expect(new Set(codes).size).toBeGreaterThan(190);
    // Each digit stands in each place of 200 codes, but for a chance of 10 × digits × 0.9²⁰⁰.
    for (let i = 0; i < digits; i++) expect(new Set(codes.map((code) => code[i])).size).toBe(10);
  });

  it('draws again what would make some codes likelier', () => {
    const draws = [Uint8Array.of(255, 255, 255, 255), Uint8Array.of(7, 0, 0, 0)];
    const scripted = { ...provider, randomBytes: () => draws.shift() as Uint8Array };
    expect(startChallenge(scripted, 6, START).code).toBe('000007');
  });

  it.each([5, 9, 6.5])('has no code of %d digits', (digits) => {
    expect(() => startChallenge(provider, digits, START)).toThrow(/6 to 8 digits/);
  });

  it('is answered by its code, in time', () => {
    expect(answerChallenge(challenge, '012345', START + CODE_LIFE - 1)).toEqual({ kind: 'right' });
    expect(answerChallenge(challenge, '012345', START + CODE_LIFE)).toEqual({ kind: 'spent' });
  });

  it('is not mended by time, spaces or length', () => {
    for (const code of ['', '12345', '0123456', '012345 ', '01234٥']) {
      expect(answerChallenge(challenge, code, START).kind).toBe('wrong');
    }
  });

  it('is spent after five wrong codes, and then the right one does not help', () => {
    let present = challenge;
    const left = [];
    for (let i = 1; i < CODE_TRIES; i++) {
      const outcome = answerChallenge(present, '999999', START);
      if (outcome.kind !== 'wrong') throw new Error(outcome.kind);
      present = outcome.challenge;
      left.push(present.triesLeft);
    }
    expect(left).toEqual([4, 3, 2, 1]);
    expect(answerChallenge(present, '999999', START)).toEqual({ kind: 'spent' });
    expect(answerChallenge({ ...present, triesLeft: 0 }, '012345', START)).toEqual({ kind: 'spent' });
    expect(challenge.triesLeft).toBe(CODE_TRIES);
  });
});
