import { utf8 } from '../bytes/bytes.js';
import { isSealMQError } from '../errors.js';
import { message, type Observed, states } from './observed-transport.js';
import { type Clause, type DeepEqual, QOS1 } from './transport-bench.js';

/** Filters that come and go while the transport runs. */
export function furtherFilters(clause: Clause, deepEqual: DeepEqual): void {
  const reconnected = ({ states }: Observed): boolean =>
    states.filter(({ state }) => state === 'connected').length === 2;

  clause('hands in messages on further filters once they are in place', async (observe) => {
    const [sender, receiver] = [observe('sender'), observe('receiver')];
    await Promise.all([sender.open('nobody'), receiver.open('a')]);
    await sender.transport.publish('b/x', utf8('early'), QOS1);
    await receiver.transport.subscribe(['b/+', 'c']);
    for (const topic of ['b/x', 'c', 'a']) await sender.transport.publish(topic, utf8('x'), QOS1);
    await receiver.until(() => receiver.received.length === 3);
    deepEqual(receiver.received, [message('b/x', 'x'), message('c', 'x'), message('a', 'x')]);
  });

  clause('hands in nothing more of filters that were taken back', async (observe) => {
    const [sender, receiver] = [observe('sender'), observe('receiver')];
    await Promise.all([sender.open('nobody'), receiver.open('a')]);
    await receiver.transport.subscribe(['b', 'c']);
    await receiver.transport.unsubscribe(['b']);
    for (const topic of ['b', 'c']) await sender.transport.publish(topic, utf8('x'), QOS1);
    await receiver.until(() => receiver.received.length === 1);
    deepEqual(receiver.received, [message('c', 'x')]);
  });

  clause('keeps further filters across an interruption', async (observe, bench) => {
    const [sender, receiver] = [observe('sender'), observe('receiver')];
    await Promise.all([sender.open('nobody'), receiver.open('a')]);
    await receiver.transport.subscribe(['b']);
    bench.interrupt();
    await Promise.all([sender.until(() => reconnected(sender)), receiver.until(() => reconnected(receiver))]);
    await sender.transport.publish('b', utf8('still here'), QOS1);
    await receiver.until(() => receiver.received.length === 1);
    deepEqual(receiver.received, [message('b', 'still here')]);
  });

  clause('takes changes of the filters while it is away', async (observe) => {
    const [sender, receiver] = [observe('sender'), observe('receiver')];
    await Promise.all([sender.open('nobody'), receiver.open('a')]);
    await receiver.transport.subscribe(['b']);
    await receiver.transport.pause();
    const added = receiver.transport.subscribe(['c']);
    await receiver.transport.unsubscribe(['b']);
    receiver.transport.resume();
    await added;
    for (const topic of ['b', 'c']) await sender.transport.publish(topic, utf8('x'), QOS1);
    await receiver.until(() => receiver.received.length > 0);
    deepEqual(receiver.received, [message('c', 'x')]);
  });

  clause('lets nobody wait for a filter once it is closed', async (observe) => {
    const subject = observe('subject');
    await subject.open('a');
    await subject.transport.pause();
    const waiting = subject.transport.subscribe(['b']).catch((error: unknown) => error);
    await subject.transport.close();
    deepEqual(isSealMQError(await waiting, 'TRANSPORT_CLOSED'), true);
  });
}

/** What the broker keeps for others: retained messages and wills. */
export function wills(clause: Clause, deepEqual: DeepEqual): void {
  clause('hands in what was retained before it subscribed, the newest of each topic', async (observe) => {
    const [sender, receiver] = [observe('sender'), observe('receiver')];
    await sender.open('nobody');
    const retained = { qos: 1, retain: true } as const;
    for (const body of ['old', 'new']) await sender.transport.publish('a/1', utf8(body), retained);
    await sender.transport.publish('a/2', utf8('other'), retained);
    await sender.transport.publish('a/3', utf8('gone'), QOS1);
    await receiver.open('a/+');
    await receiver.until(() => receiver.received.length === 2);
    const inOrder = [...receiver.received].sort((one, other) => (one.topic < other.topic ? -1 : 1));
    deepEqual(inOrder, [message('a/1', 'new'), message('a/2', 'other')]);
  });

  clause(
    'has a will of its own for each connection, published when it breaks and not after a farewell',
    async (observe, bench) => {
      let asked = 0;
      const mortal = observe('mortal', undefined, async () => ({ topic: 'a', payload: utf8(`will ${++asked}`) }));
      const witness = observe('witness');
      await witness.open('a');
      // A transport over a connection that is not its own refuses.
      const refusal = await mortal.open('nobody').catch((error: unknown) => error);
      if (isSealMQError(refusal, 'USAGE_INVALID_ARGUMENT')) return;
      const will = asked;
      bench.interrupt();
      const connected = (): number => states(mortal).filter((state) => state === 'connected').length;
      await mortal.until(() => connected() === 2);
      await witness.until(() => witness.received.length === 1);
      deepEqual(witness.received, [message('a', `will ${will}`)]);
      deepEqual(asked > will, true);
      await mortal.transport.pause();
      await witness.transport.publish('a', utf8('after a farewell'), QOS1);
      await witness.until(() => witness.received.length === 2);
      deepEqual(witness.received[1], message('a', 'after a farewell'));
    },
  );
}
