import type { Call, IncomingCall } from '../../src/client/call/call.js';
import type { CallOptions } from '../../src/client/call/settings.js';
import type { Messenger } from '../../src/client/messenger.js';
import { createWorld, next, type World } from '../client/world.js';

/** Calls over the broker alone. */
export const MQTT: CallOptions = { rtc: false };

/** Two who can call each other. */
export interface Pair {
  readonly world: World;
  readonly alice: Messenger;
  readonly bob: Messenger;
}

export async function pair(caller: CallOptions = MQTT, callee = caller): Promise<Pair> {
  const world = await createWorld();
  const alice = await world.join('alice', { calls: caller });
  return { world, alice, bob: await world.join('bob', { calls: callee }) };
}

export const ringing = (messenger: Messenger): Promise<IncomingCall> => next(messenger, 'call');

/** A call that is taken: the caller's end and the callee's. */
export async function connect(caller: Messenger, callee: Messenger): Promise<[caller: Call, callee: Call]> {
  const taken = ringing(callee).then((incoming) => incoming.accept());
  return Promise.all([caller.call(callee.address), taken]);
}

/** The text of the next message. */
export async function first(call: Call): Promise<string | undefined> {
  for await (const { text } of call.messages()) return text;
  return undefined;
}
