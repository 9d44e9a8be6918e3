import { expect, test } from 'vitest';
import {
  type HandInLimits,
  judgeHandIn,
  NEW_SENDER,
  type RelayAnswer,
  rememberAnswer,
  type SenderState,
} from '../../src/protocol/relay/index.js';
import { deepFreeze } from '../identity/deep-freeze.js';

const NOW = 1_800_000_000_000;
const LIMITS: HandInLimits = { receivers: 10, bytes: 1 << 20, copies: { burst: 100, perSecond: 10 } };

test('what was answered is answered again in the same way, and a flood of it three times and then once a second', () => {
  const first = judge(NEW_SENDER, of(1));
  expect(first.output).toEqual({ kind: 'take' });
  const given = answer(1);
  let state = deepFreeze(rememberAnswer(first.state, of(1).content, given));
  const outputs = Array.from({ length: 5 }, () => {
    const judged = judge(state, of(1));
    state = judged.state;
    return judged.output;
  });
  expect(outputs.map(({ kind }) => kind)).toEqual(['answer', 'answer', 'answer', 'ignore', 'ignore']);
  expect(outputs[0]).toEqual({ kind: 'answer', answer: given });
  expect(judge(state, of(1), NOW + 1000).output.kind).toBe('answer');
  expect(judge(state, of(1), NOW + 1000).state.copies).toEqual(state.copies);
});

test.each([
  [-301, 'stale'],
  [-300, 'take'],
  [300, 'take'],
  [301, 'stale'],
])('a hand-in of %i s from now: %s', (offset, expected) => {
  const { output } = judge(NEW_SENDER, of(1, { issuedAt: NOW / 1000 + offset }));
  expect(output.kind === 'answer' ? output.answer.refusal : output.kind).toBe(expected);
});

test('what was forgotten is not taken a second time: the memory is bounded, the promise is not', () => {
  let state: SenderState = NEW_SENDER;
  for (let n = 0; n < 2100; n++)
    state = rememberAnswer(state, { issuedAt: NOW / 1000 + Math.floor(n / 1000) }, answer(n));
  expect(state.answered).toHaveLength(2048);
  expect(judge(state, of(0)).output).toMatchObject({ kind: 'answer', answer: { refusal: 'stale' } });
  expect(judge(state, of(5000, { issuedAt: NOW / 1000 + 1 })).output).toEqual({ kind: 'take' });
});

test('copies are counted, large ones for more, and come back with time', () => {
  const five = of(1, { receivers: ['a', 'b', 'c', 'd', 'e'] });
  let state: SenderState = NEW_SENDER;
  for (let n = 0; n < 20; n++) {
    const judged = judge(state, five);
    expect(judged.output.kind).toBe('take');
    state = judged.state;
  }
  const over = judge(state, five);
  expect(over.output).toMatchObject({ kind: 'answer', answer: { refusal: 'rate-limited', retryAfter: 1 } });
  expect(judge(over.state, five, NOW + 500).output.kind).toBe('take');
  expect(judge(over.state, { ...five, bytes: 65_537 }, NOW + 500).output).toMatchObject({
    answer: { refusal: 'rate-limited' },
  });
});

test('more than is ever taken is refused for good', () => {
  const eleven = of(1, { receivers: Array.from({ length: 11 }, (_, n) => `r${n}`) });
  expect(judge(NEW_SENDER, eleven).output).toMatchObject({ answer: { refusal: 'too-many-receivers' } });
  expect(judge(NEW_SENDER, { ...of(1), bytes: (1 << 20) + 1 }).output).toMatchObject({
    answer: { refusal: 'too-large' },
  });
  const costly = { ...of(1, { receivers: Array.from({ length: 10 }, (_, n) => `r${n}`) }), bytes: 1 << 20 };
  expect(judge(NEW_SENDER, costly).output).toMatchObject({ answer: { refusal: 'too-large' } });
});

test('of many refusals only some are told', () => {
  let state: SenderState = NEW_SENDER;
  const kinds = Array.from({ length: 20 }, (_, n) => {
    const judged = judge(state, of(n, { issuedAt: 0 }));
    state = judged.state;
    return judged.output.kind;
  });
  expect(kinds.filter((kind) => kind === 'answer')).toHaveLength(10);
});

function judge(state: SenderState, handIn: ReturnType<typeof of>, now = NOW) {
  return judgeHandIn(deepFreeze(state), handIn, now, LIMITS);
}

function of(n: number, changes: { issuedAt?: number; receivers?: readonly string[] } = {}) {
  return { content: { nonce: nonce(n), issuedAt: NOW / 1000, receivers: ['bob'], ...changes }, bytes: 500 };
}

function answer(n: number): RelayAnswer {
  return { nonce: nonce(n), now: NOW, refused: new Map() };
}

function nonce(n: number): Uint8Array {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setUint32(0, n);
  return bytes;
}
