import { describe, expect, test } from 'vitest';
import { judgeDial, MAX_RINGING, MAX_RINGING_OF_ONE, type Ongoing } from '../../src/protocol/call/line.js';
import type { Phase } from '../../src/protocol/call/state.js';
import { connect, MQTT, pair, ringing } from './talking.js';

describe('what becomes of a dial', () => {
  const calls = (count: number, phase: Phase, address?: string): Ongoing[] =>
    Array.from({ length: count }, (_, n) => ({ address: address ?? `mallory-${n}`, phase }));

  test.each([
    ['nothing else', [], 1, 'ring'],
    ['a call that ended', calls(1, 'closed'), 1, 'ring'],
    ['one that rings', calls(1, 'ringing'), 1, 'ring'],
    ['as many as may ring', calls(MAX_RINGING, 'ringing'), 1, 'busy'],
    ['as many where more are wanted', calls(MAX_RINGING, 'ringing'), MAX_RINGING + 1, 'ring'],
    ['as many of the caller as may ring', calls(MAX_RINGING_OF_ONE, 'ringing', 'bob'), 1, 'busy'],
    ['one of the caller', calls(MAX_RINGING_OF_ONE - 1, 'ringing', 'bob'), 1, 'ring'],
    ['as many calls as wanted', calls(2, 'connected'), 2, 'busy'],
    ['fewer calls than wanted', calls(1, 'connected'), 2, 'ring'],
    ['one that was taken', calls(1, 'offering'), 1, 'busy'],
    ['our own dial to somebody else', calls(1, 'dialling'), 1, 'busy'],
    ['our own dial to the caller', calls(1, 'dialling', 'bob'), 1, 'ours'],
    [
      'our own dial to the caller, while as many ring as may',
      [...calls(8, 'ringing'), ...calls(1, 'dialling', 'bob')],
      1,
      'ours',
    ],
  ] as const)('beside %s', (_name, ongoing, limit, verdict) => {
    expect(judgeDial('alice', 'bob', ongoing, limit)).toBe(verdict);
  });
});

test('somebody whose call is not answered keeps nobody else out; but only so many calls are taken', async () => {
  const { world, alice, bob } = await pair();
  const mallory = await world.join('mallory', { calls: MQTT });
  const nuisance = ringing(bob);
  const annoying = expect(mallory.call('bob')).rejects.toMatchObject({ code: 'CALL_BUSY' });
  const first = await nuisance;
  const [a, b] = await connect(alice, bob);
  expect(a.id).toBe(b.id);
  // What rings when the line is taken can be taken no more: its caller is told.
  await expect(first.accept()).rejects.toMatchObject({ code: 'CALL_BUSY' });
  expect(await first.ended).toEqual({ reason: 'busy', by: 'us' });
  await annoying;
  expect(b.path).toBe('mqtt');
});

test('who is called can call somebody else meanwhile', async () => {
  const { world, alice, bob } = await pair();
  const mallory = await world.join('mallory', { calls: MQTT });
  const nuisance = ringing(bob);
  const annoying = mallory.call('bob').catch(({ code }) => code);
  const incoming = await nuisance;
  const [b] = await connect(bob, alice);
  await b.hangUp();
  const taken = await incoming.accept();
  expect(await annoying).toMatchObject({ id: taken.id });
});
