import { utf8 } from '../bytes/bytes.js';
import { isSealMQError } from '../errors.js';
import type { Transport } from '../ports/transport.js';
import { gate, message, type Observed, observeTransport, type Received, states } from './observed-transport.js';
import type { TestFunctions } from './store-contract.js';
import { type Clause, type DeepEqual, type Observe, QOS1, type TransportBench } from './transport-bench.js';
import { furtherFilters, wills } from './transport-contract-topics.js';

/**
 * The contract of the port {@link Transport} as tests. Run it against an implementation of your own:
 *
 * ```ts
 * import { describe, expect, it } from 'vitest';
 * transportContract('my transport', startBench, { describe, it, deepEqual: (a, b) => expect(a).toEqual(b) });
 * ```
 *
 * @param name - of the implementation
 * @param start - called before each test
 */
export function transportContract(name: string, start: () => Promise<TransportBench>, tests: TestFunctions): void {
  const { describe, it, deepEqual } = tests;
  const clause = (title: string, body: (observe: Observe, bench: TransportBench) => Promise<void>): void =>
    it(title, async () => {
      const bench = await start();
      const transports: Transport[] = [];
      const observe: Observe = (session, handling, will) => {
        const observed = observeTransport(bench.create(session), handling, will);
        transports.push(observed.transport);
        return observed;
      };
      try {
        await body(observe, bench);
      } finally {
        await Promise.all(transports.map((transport) => transport.close()));
        await bench.release();
      }
    });
  describe(`${name} keeps the contract of a transport`, () => {
    delivery(clause, deepEqual);
    acknowledgement(clause, deepEqual);
    sessions(clause, deepEqual);
    furtherFilters(clause, deepEqual);
    wills(clause, deepEqual);
    lifeCycle(clause, deepEqual);
  });
}

function delivery(clause: Clause, deepEqual: DeepEqual): void {
  clause('delivers the bytes as published, in order', async (observe) => {
    const [sender, receiver] = [observe('sender'), observe('receiver')];
    await Promise.all([sender.open('nobody'), receiver.open('a/+', 'b/#')]);
    const sent: Received[] = [];
    for (let i = 0; i < 50; i++) {
      const one = { topic: i % 2 === 0 ? 'a/x' : 'b/y/z', bytes: [0, 255, 128, 10, i] };
      sent.push(one);
      await sender.transport.publish(one.topic, Uint8Array.from(one.bytes), QOS1);
    }
    await receiver.until(() => receiver.received.length === sent.length);
    deepEqual(receiver.received, sent);
  });

  clause('delivers an empty payload and one of 300,000 bytes', async (observe) => {
    const [sender, receiver] = [observe('sender'), observe('receiver')];
    await Promise.all([sender.open('nobody'), receiver.open('a')]);
    const large = new Uint8Array(300_000).map((_, index) => index % 251);
    await sender.transport.publish('a', new Uint8Array(), QOS1);
    await sender.transport.publish('a', large.subarray(1), QOS1);
    await receiver.until(() => receiver.received.length === 2);
    deepEqual(
      receiver.received.map(({ bytes }) => bytes.length),
      [0, 299_999],
    );
    deepEqual(receiver.received[1]?.bytes, [...large.subarray(1)]);
  });

  clause('has hundreds of publishes under way at once', async (observe) => {
    const [sender, receiver] = [observe('sender'), observe('receiver')];
    await Promise.all([sender.open('nobody'), receiver.open('a')]);
    const bodies = Array.from({ length: 600 }, (_, index) => utf8(`${index}`));
    await Promise.all(bodies.map((body) => sender.transport.publish('a', body, QOS1)));
    await receiver.until(() => receiver.received.length === bodies.length);
    deepEqual(
      receiver.received.map(({ bytes }) => bytes),
      bodies.map((body) => [...body]),
    );
  });

  clause('hands in messages of QoS 0 too', async (observe) => {
    const [sender, receiver] = [observe('sender'), observe('receiver')];
    await Promise.all([sender.open('nobody'), receiver.open('a')]);
    await sender.transport.publish('a', utf8('light'), { qos: 0 });
    await receiver.until(() => receiver.received.length === 1);
    deepEqual(receiver.received, [message('a', 'light')]);
  });
}

function acknowledgement(clause: Clause, deepEqual: DeepEqual): void {
  clause('withholds the acknowledgement until the handler has resolved', async (observe, bench) => {
    const first = gate();
    const [sender, receiver] = [observe('sender'), observe('receiver', () => first.open)];
    await Promise.all([sender.open('nobody'), receiver.open('a')]);
    await sender.transport.publish('a', utf8('precious'), QOS1);
    await receiver.until(() => receiver.received.length === 1);
    bench.interrupt();
    await receiver.until(() => states(receiver).includes('disconnected'));
    first.pass();
    await receiver.until(() => receiver.received.length === 2);
    deepEqual(receiver.received, [message('a', 'precious'), message('a', 'precious')]);
  });

  clause('withholds the acknowledgements behind it as well', async (observe, bench) => {
    const first = gate();
    const bodies = ['1', '2', '3'];
    const receiver = observe('receiver', async ({ bytes }) => {
      if (bytes[0] === utf8('1')[0]) await first.open;
    });
    const sender = observe('sender');
    await Promise.all([sender.open('nobody'), receiver.open('a')]);
    for (const body of bodies) await sender.transport.publish('a', utf8(body), QOS1);
    await receiver.until(() => receiver.received.length === bodies.length);
    bench.interrupt();
    await receiver.until(() => receiver.received.length >= 2 * bodies.length);
    first.pass();
    deepEqual(
      receiver.received,
      [...bodies, ...bodies].map((body) => message('a', body)),
    );
  });

  clause('hands in a bounded number of messages that are not through', async (observe) => {
    const count = 300;
    const first = gate();
    const [sender, receiver] = [observe('sender'), observe('receiver', () => first.open)];
    await Promise.all([sender.open('nobody'), receiver.open('a')]);
    const bodies = Array.from({ length: count }, (_, index) => utf8(`${index}`));
    await Promise.all(bodies.map((body) => sender.transport.publish('a', body, QOS1)));
    await receiver.until(() => receiver.received.length > 0);
    // Time for what is not to come.
    await new Promise((resolve) => setTimeout(resolve, 50));
    deepEqual(receiver.received.length < count, true);
    first.pass();
    await receiver.until(() => receiver.received.length === count);
    deepEqual(
      receiver.received.map(({ bytes }) => bytes),
      bodies.map((body) => [...body]),
    );
  });

  clause('gets a rejected message again after a reconnect, and loses no later one', async (observe) => {
    let refusals = 1;
    const receiver = observe('receiver', async () => {
      if (refusals-- > 0) throw new RangeError('no room');
    });
    const sender = observe('sender');
    const sent = ['1', '2', '3', '4'].map((body) => message('a', body));
    await Promise.all([sender.open('nobody'), receiver.open('a')]);
    for (const { bytes } of sent) await sender.transport.publish('a', Uint8Array.from(bytes), QOS1);
    await receiver.until(() => receiver.received.length > 0);
    await receiver.transport.pause();
    receiver.transport.resume();
    // Some may come more than once, and a broker may let new ones overtake those that it sends again.
    const taken = (body: Received): boolean =>
      receiver.received.slice(1).some(({ bytes }) => bytes[0] === body.bytes[0]);
    await receiver.until(() => sent.every(taken));
    deepEqual(receiver.received[0], message('a', '1'));
  });
}

function sessions(clause: Clause, deepEqual: DeepEqual): void {
  clause('keeps the session while paused', async (observe) => {
    const [sender, receiver] = [observe('sender'), observe('receiver')];
    await Promise.all([sender.open('nobody'), receiver.open('a')]);
    await receiver.transport.pause();
    await sender.transport.publish('a', utf8('meanwhile'), QOS1);
    receiver.transport.resume();
    await receiver.until(() => receiver.received.length === 1);
    deepEqual(receiver.received, [message('a', 'meanwhile')]);
    deepEqual(receiver.states.at(-1), { state: 'connected', sessionPresent: true });
  });

  clause('keeps the session after close, for the next transport of that name', async (observe) => {
    const [sender, before] = [observe('sender'), observe('receiver')];
    await Promise.all([sender.open('nobody'), before.open('a')]);
    await before.transport.close();
    for (const body of ['1', '2', '3']) await sender.transport.publish('a', utf8(body), QOS1);
    const after = observe('receiver');
    await after.open('a');
    await after.until(() => after.received.length === 3);
    deepEqual(after.received, [message('a', '1'), message('a', '2'), message('a', '3')]);
    deepEqual(before.received, []);
  });

  clause('comes back by itself after an interruption, session and all', async (observe, bench) => {
    const [sender, receiver] = [observe('sender'), observe('receiver')];
    await Promise.all([sender.open('nobody'), receiver.open('a')]);
    bench.interrupt();
    const back = ({ states }: Observed): boolean => states.filter(({ state }) => state === 'connected').length === 2;
    await Promise.all([sender.until(() => back(sender)), receiver.until(() => back(receiver))]);
    await sender.transport.publish('a', utf8('still here'), QOS1);
    await receiver.until(() => receiver.received.length === 1);
    deepEqual(receiver.received, [message('a', 'still here')]);
    deepEqual(receiver.states.at(-1), { state: 'connected', sessionPresent: true });
  });
}

function lifeCycle(clause: Clause, deepEqual: DeepEqual): void {
  clause('reports its states in order', async (observe, bench) => {
    const subject = observe('subject');
    await subject.open('a');
    deepEqual(subject.states, [{ state: 'connecting' }, { state: 'connected', sessionPresent: false }]);
    bench.interrupt();
    await subject.until(() => subject.states.length === 5);
    deepEqual(states(subject).slice(2), ['disconnected', 'connecting', 'connected']);
    deepEqual(typeof subject.states[2]?.reason, 'string');
    await subject.transport.pause();
    deepEqual(states(subject).slice(5), ['disconnected']);
    deepEqual(subject.states[5]?.cause, 'paused');
    subject.transport.resume();
    await subject.until(() => subject.states.length === 8);
    deepEqual(states(subject).slice(6), ['connecting', 'connected']);
    await subject.transport.close();
    deepEqual(states(subject).at(-1), 'closed');
  });

  clause('rejects a publish while it is not connected', async (observe) => {
    const [subject, receiver] = [observe('subject'), observe('receiver')];
    const refused = async (): Promise<unknown> => {
      const error: unknown = await subject.transport.publish('a', utf8('x'), QOS1).catch((reason: unknown) => reason);
      return isSealMQError(error, 'TRANSPORT_CLOSED');
    };
    deepEqual(await refused(), true);
    await Promise.all([subject.open('nobody'), receiver.open('a')]);
    await subject.transport.pause();
    deepEqual(await refused(), true);
    subject.transport.resume();
    await subject.until(() => subject.states.at(-1)?.state === 'connected');
    await subject.transport.publish('a', utf8('now'), QOS1);
    await receiver.until(() => receiver.received.length > 0);
    deepEqual(receiver.received, [message('a', 'now')]);
    await subject.transport.close();
    deepEqual(await refused(), true);
  });

  clause('can be paused and resumed more than once in a row', async (observe) => {
    const subject = observe('subject');
    await subject.open('a');
    await Promise.all([subject.transport.pause(), subject.transport.pause()]);
    subject.transport.resume();
    subject.transport.resume();
    await subject.until(() => states(subject).filter((state) => state === 'connected').length === 2);
    await subject.transport.publish('a', utf8('x'), QOS1);
    await subject.until(() => subject.received.length === 1);
    deepEqual(states(subject), ['connecting', 'connected', 'disconnected', 'connecting', 'connected']);
  });

  clause('can be closed twice, before it is open, and not opened afterwards', async (observe) => {
    const [subject, unopened] = [observe('subject'), observe('unopened')];
    await subject.open('a');
    await Promise.all([subject.transport.close(), subject.transport.close()]);
    await subject.transport.close();
    subject.transport.resume();
    deepEqual(
      states(subject).filter((state) => state === 'closed'),
      ['closed'],
    );
    deepEqual(states(subject).at(-1), 'closed');
    await unopened.transport.close();
    deepEqual(await unopened.open('a').catch((error: unknown) => isSealMQError(error)), true);
  });
}
