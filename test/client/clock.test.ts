import { describe, expect, test } from 'vitest';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { createDirectoryClock } from '../../src/client/directory-clock.js';
import { SealMQError } from '../../src/errors.js';
import { offsetFrom } from '../../src/ports/clock.js';
import { createBroker } from '../../src/server/broker/broker.js';
import { connect, MQTT } from '../call/talking.js';
import { FALSE_TIMES, tellFalseTime } from '../directory/false-time.js';
import { tamperingServer } from '../directory/tampering-server.js';
import { carelessDirectory } from './careless-directory.js';
import { closing, createWorld, take, until } from './world.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const timing = { receiptDelay: 20, gapDelay: 30, republishAfter: 100 };

/** A machine whose clock can be set, and which can sleep, and the right time. */
function machine() {
  let [right, wall, monotonic] = [1_800_000_000_000, 1_800_000_000_000, 0];
  return {
    clock: { now: () => wall, monotonic: () => monotonic },
    right: () => right,
    pass(milliseconds: number) {
      right += milliseconds;
      wall += milliseconds;
      monotonic += milliseconds;
    },
    sleep(milliseconds: number) {
      right += milliseconds;
      wall += milliseconds;
    },
    set(milliseconds: number) {
      wall += milliseconds;
    },
  };
}

function directoryClock(time: () => Promise<number | undefined>, { clock } = machine()) {
  const failures: SealMQError[] = [];
  const subject = createDirectoryClock({ ...carelessDirectory(), time }, clock, (error) => failures.push(error));
  return { ...{ subject, failures } };
}

describe('the directory clock', () => {
  test.each([DAY, -DAY])(
    'is not moved by setting the machine by %i ms, before and after the directory was asked',
    async (by) => {
      const m = machine();
      const { subject } = directoryClock(async () => m.right(), m);
      await subject.refresh();
      m.set(by);
      expect(subject.now()).toBe(m.right());
      m.pass(MINUTE);
      expect(subject.now()).toBe(m.right());
      await subject.settled();
      expect([subject.now(), subject.delta]).toEqual([m.right(), -by]);
    },
  );

  test('finds the time again after a sleep', async () => {
    const m = machine();
    const { subject } = directoryClock(async () => m.right(), m);
    await subject.refresh();
    m.sleep(HOUR);
    await subject.settled();
    expect([subject.now(), subject.delta]).toEqual([m.right(), 0]);
  });

  test('asks again when the machine slept, or was set, while it asked', async () => {
    const m = machine();
    let asked = 0;
    const { subject } = directoryClock(async () => {
      const answer = m.right();
      if (++asked === 1) m.sleep(DAY);
      if (asked === 2) m.set(-HOUR);
      return answer;
    }, m);
    await subject.refresh();
    expect(asked).toBe(3);
    expect(subject.now()).toBe(m.right());
  });

  test('without a directory believes a jump ahead, since machines sleep, and not one back', async () => {
    const m = machine();
    const { subject, failures } = directoryClock(async () => {
      throw new SealMQError('DIRECTORY_UNREACHABLE', 'away');
    }, m);
    m.sleep(HOUR);
    await subject.settled();
    expect(subject.now()).toBe(m.right());
    m.set(-DAY);
    await subject.settled();
    expect(subject.now()).toBe(m.right());
    expect(failures).toHaveLength(2);
    subject.close();
  });

  test('of a directory that has no time is the machine’s', async () => {
    const m = machine();
    const { subject } = directoryClock(async () => undefined, m);
    m.set(DAY);
    await subject.settled();
    expect(subject.now()).toBe(m.clock.now());
  });

  test('takes no offset from an answer that took too long, or came before the question', () => {
    expect(offsetFrom(1050, 1000, 1100)).toBe(0);
    expect(offsetFrom(1050, 1000, 900)).toBeUndefined();
    expect(offsetFrom(1050, 1000, 1000 + HOUR)).toBeUndefined();
  });
});

/** The real time, and a machine that can be set. */
function settable() {
  let offset = 0;
  const clock = { now: () => Date.now() + offset, monotonic: () => performance.now() };
  return {
    clock,
    set: (by: number) => {
      offset += by;
    },
  };
}

test.each([DAY, -DAY])('mail goes on when a machine is set by %i ms, expiring or not, in and out', async (by) => {
  const world = await createWorld();
  const { clock, set } = settable();
  const alice = await world.join('alice', { timing, clock });
  const bob = await world.join('bob', { timing });
  await world.broker.close();
  await until(() => alice.status().connection !== 'connected' || undefined);
  const waiting = await alice.send('bob', 'sealed before', { expiresIn: 3600 });
  set(by);
  const sent = await alice.send('bob', 'sealed after', { expiresIn: 60 });
  const again = await createBroker({ mqtt: Number(new URL(world.brokerUrl).port) });
  closing(() => again.close());
  // The new broker knows no sessions, so that what comes before Bob does is lost there, and comes again out of turn.
  expect((await take(bob, 2)).map(({ text }) => text).sort()).toEqual(['sealed after', 'sealed before']);
  await Promise.all([waiting.delivered, sent.delivered]);
  await (await bob.send('alice', 'an answer', { expiresIn: 60 })).delivered;
  expect((await take(alice, 1))[0]?.text).toBe('an answer');
  expect(Math.abs(alice.status().clockDelta + by)).toBeLessThan(MINUTE);
});

test.each([DAY, -DAY])('a room is joined when a machine was set by %i ms', async (by) => {
  const world = await createWorld();
  const { clock, set } = settable();
  const [alice, bob] = [await world.join('alice', { clock }), await world.join('bob')];
  const ofBob = await bob.joinRoom('room', { roster: ['alice', 'bob'] });
  closing(() => ofBob.leave());
  set(by);
  const ofAlice = await alice.joinRoom('room', { roster: ['alice', 'bob'] });
  closing(() => ofAlice.leave());
  await Promise.all([ofAlice.assembled(), ofBob.assembled()]);
});

test.each(['callee', 'caller'] as const)('the first call after the machine of the %s slept is heard', async (who) => {
  let slept = 0;
  const clock = { now: () => Date.now(), monotonic: () => performance.now() - slept };
  const world = await createWorld();
  const join = (address: string, sleeps: boolean) =>
    world.join(address, { calls: MQTT, timing, ...(sleeps && { clock }) });
  const [alice, bob] = [await join('alice', who === 'caller'), await join('bob', who === 'callee')];
  await (await alice.send('bob', 'before')).delivered;
  slept = HOUR;
  // Whoever of them looks at the time now learns that it is an hour later, and asks the directory how much.
  const [line] = await connect(alice, bob);
  await line.hangUp();
});

test('mail from the future, by a clock that is wrong here, waits until it is set right', async () => {
  const world = await createWorld();
  const { clock, set } = settable();
  const directory = carelessDirectory();
  const alice = await world.join('alice', { timing, directory });
  const bob = await world.join('bob', { timing, directory, clock, quarantine: { retryAfter: 20 } });
  set(-HOUR);
  const sent = await alice.send('bob', 'from the future', { receipt: false });
  await sent.published;
  await until(() => bob.status().quarantine === 1 || undefined);
  set(HOUR);
  expect((await take(bob, 1))[0]?.text).toBe('from the future');
});

test.each(FALSE_TIMES.flatMap((kind) => [DAY, -DAY].map((by) => ({ kind, by }))))(
  'a time that is $kind, off by $by ms, moves nothing',
  async ({ kind, by }) => {
    const world = await createWorld();
    const server = await tamperingServer(() => world.directory);
    closing(() => server.close());
    let told = 0;
    server.tamper = async (answer) => {
      await tellFalseTime(answer, kind, by);
      if (answer.path.startsWith('/v1/time')) told++;
    };
    const store = { ...memoryStore(), close: async () => {} };
    await (await world.join('bob', { timing, store })).close();
    const alice = await world.join('alice', { timing });
    const pinned = { directory: server.url, directoryKey: world.directory.directoryKey.thumbprint };
    const bob = await world.open('bob', { timing, store, ...pinned });
    await until(() => told > 0 || undefined);
    await (await alice.send('bob', 'one', { expiresIn: 600 })).delivered;
    await (await bob.send('alice', 'two', { expiresIn: 600 })).delivered;
    const [one, two] = [(await take(bob, 1))[0], (await take(alice, 1))[0]];
    expect([one?.text, two?.text]).toEqual(['one', 'two']);
    expect(Math.abs(Number(two?.sentAt) - Date.now())).toBeLessThan(HOUR);
    expect(bob.status().clockDelta).toBe(0);
  },
);
