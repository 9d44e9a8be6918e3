import { describe, expect, test } from 'vitest';
import {
  judgeDial,
  MAX_RINGING,
  MAX_RINGING_OF_ONE,
  type Ongoing,
  type Standing,
} from '../../src/protocol/call/line.js';
import type { Phase } from '../../src/protocol/call/state.js';
import { secondDevice } from '../client/liar.js';
import { connect, MQTT, pair, ringing } from './talking.js';
import { type Tamperer, tamperer } from './tamperer.js';

describe('what becomes of a dial', () => {
  const calls = (count: number, phase: Phase, address?: string, standing: Standing = 'stranger'): Ongoing[] =>
    Array.from({ length: count }, (_, n) => ({ address: address ?? `mallory-${n}`, phase, standing }));

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
    expect(judgeDial('alice', { address: 'bob', standing: 'stranger' }, ongoing, limit)).toEqual({ kind: verdict });
  });

  const [strangers, contacts] = [calls(MAX_RINGING - 1, 'ringing'), calls(1, 'ringing', 'carol', 'contact')];
  test.each([
    ['a contact', 'contact', [...contacts, ...strangers], strangers[0]],
    ['somebody who is verified', 'verified', [...contacts, ...strangers], strangers[0]],
    ['somebody who is verified, among contacts', 'verified', calls(MAX_RINGING, 'ringing', undefined, 'contact'), 0],
    ['a contact, among contacts', 'contact', calls(MAX_RINGING, 'ringing', undefined, 'contact'), undefined],
    ['a stranger', 'stranger', [...contacts, ...strangers], undefined],
    [
      'a contact while the line is busy',
      'contact',
      [...calls(MAX_RINGING, 'ringing'), ...calls(1, 'offering')],
      undefined,
    ],
    [
      'a contact of whom as many ring as may',
      'contact',
      [...calls(2, 'ringing', 'bob', 'contact'), ...strangers],
      undefined,
    ],
  ] as const)('no place is left: %s', (_name, standing, ongoing, instead) => {
    const place = instead === 0 ? ongoing[0] : instead;
    const verdict = judgeDial('alice', { address: 'bob', standing }, ongoing, 1);
    expect(verdict).toEqual(place ? { kind: 'ring', instead: place } : { kind: 'busy' });
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

test('strangers do not keep a contact from calling: it rings in place of the one that has rung longest', async () => {
  const { world, alice, bob } = await pair();
  await bob.contacts.add('alice');
  const strangers: Tamperer[] = [];
  for (let n = 0; n < MAX_RINGING; n += MAX_RINGING_OF_ONE) {
    const phone = await tamperer(world, `mallory-${n}`, bob);
    const device = await secondDevice(world, phone.account);
    strangers.push(phone, await tamperer(world, phone.address, bob, { ...phone.account, device }));
  }
  for (const stranger of strangers) {
    const rings = ringing(bob);
    await stranger.dial();
    await rings;
  }
  const carol = await tamperer(world, 'carol', bob);
  await carol.dial();
  expect((await carol.hears('close')).frame.reason).toBe('busy');
  const [a, b] = await connect(alice, bob);
  expect(a.id).toBe(b.id);
  expect((await (strangers[0] as Tamperer).hears('close')).frame.reason).toBe('busy');
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
