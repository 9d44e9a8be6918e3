import { expect, test } from 'vitest';
import type { Messenger } from '../../src/client/messenger.js';
import { lasting } from '../client/linking.js';
import { exchangeCards } from '../client/unlisted.js';
import { createWorld, take, until, type World } from '../client/world.js';
import { startRelay } from './site.js';

/**
 * The second diagram: A, B and C exchange what belongs to them, A hands one message in for B and C, each fetches it and opens it,
 * and the three compare one number. `docs/adr/0010-the-second-diagram.md` says what stands for what.
 */
test('cards, one hand-in for two who are away, fetched and opened, one safety number, empty queues', async () => {
  const world = await createWorld();
  const relay = await startRelay(world);
  const stores = { bob: lasting(), carol: lasting() };
  const alice = await world.join('alice');
  const [bob, carol] = [
    await world.join('bob', { store: stores.bob }),
    await world.join('carol', { store: stores.carol }),
  ];

  // A, B, C: cards directly.
  await exchangeCards(alice, bob, carol);
  await Promise.all([bob.close(), carol.close()]);

  // A: one message for both, handed in once.
  const sent = await alice.send(['bob', 'carol'], 'for both of you');
  expect(await sent.outcomes).toEqual([
    { kind: 'accepted', to: 'bob' },
    { kind: 'accepted', to: 'carol' },
  ]);
  expect(relay.counts).toMatchObject({ taken: 1, copies: 2 });

  // B, C: each comes back, and has it.
  const [bobAgain, carolAgain] = [
    await comeBack(world, 'bob', stores.bob),
    await comeBack(world, 'carol', stores.carol),
  ];
  for (const messenger of [bobAgain, carolAgain]) {
    const [message] = await take(messenger, 1);
    expect(message).toMatchObject({ from: 'alice', text: 'for both of you', receivers: ['bob', 'carol'] });
  }

  // A, B, C: the same number everywhere, and verified by it.
  const number = await alice.contacts.safetyNumber(['bob', 'carol']);
  expect(await bobAgain.contacts.safetyNumber(['alice', 'carol'])).toEqual(number);
  expect(await carolAgain.contacts.safetyNumber(['bob', 'alice'])).toEqual(number);
  await alice.contacts.verify(['bob', 'carol'], (await bobAgain.contacts.safetyNumber(['alice', 'carol'])).digits);
  expect(alice.contacts.list().map(({ verified }) => verified)).toEqual([true, true]);

  // The queues are empty: the next thing that comes is the next thing that is sent.
  await Promise.all(sent.each.map(({ delivered }) => delivered));
  await until(() => (alice.status().unreceipted === 0 ? true : undefined));
  for (const [address, messenger] of [
    ['bob', bobAgain],
    ['carol', carolAgain],
  ] as const) {
    await messenger.close();
    await alice.send(address, 'and now');
    const last = await comeBack(world, address, stores[address]);
    const rejections: unknown[] = [];
    last.on('rejected', (rejection) => rejections.push(rejection));
    expect((await take(last, 1))[0]?.text).toBe('and now');
    expect(rejections).toEqual([]);
  }
});

function comeBack(world: World, address: string, store: ReturnType<typeof lasting>): Promise<Messenger> {
  return world.join(address, { store });
}
