import { filterOf, placeOf } from '../protocol/envelope/topics.js';
import type { Call, IncomingCall } from './call/call.js';
import { type CallWays, callPort } from './call/identity.js';
import { type CallOptions, callSettings } from './call/settings.js';
import { Switchboard } from './call/switchboard.js';
import type { Context } from './context.js';

/** The calls of a messenger. */
export interface Calls {
  /** What is subscribed to for them. */
  readonly filter: string;
  /** @throws as `Messenger.call` */
  call(to: string, signal?: AbortSignal): Promise<Call>;
  /** Takes what belongs to calls; false when the topic is another. */
  take(topic: string, bytes: Uint8Array): boolean;
  /** A dial that came by push: it may be faster than the broker. */
  wake(dial: Uint8Array): void;
  /** The connection came or went. */
  connected(up: boolean): void;
  /** Hangs up everything. */
  close(): Promise<void>;
}

/** Nobody calls yet. */
export function createCalls(context: Context, options: CallOptions | undefined, ways: Omit<CallWays, 'via'>): Calls {
  const { account, topicPrefix, events } = context;
  const switchboard = new Switchboard(
    callPort(context, { via: options?.via ?? context.via, ...ways }),
    callSettings(options),
    {
      async ring(incoming: IncomingCall) {
        // A woken device may hear the dial before the application has it in hand.
        await events.released;
        if (!events.listens('call')) return false;
        events.emit('call', incoming);
        return true;
      },
      rejected: (rejection) => events.emit('rejected', rejection),
      warn: (error) => events.emit('warning', error),
    },
  );
  return {
    filter: filterOf(topicPrefix, account.address, 'signal'),
    call: (to, signal) => switchboard.call(to, signal),
    take(topic, bytes) {
      if (placeOf(topicPrefix, account.address, topic)?.family !== 'signal') return false;
      switchboard.take(bytes);
      return true;
    },
    wake: (dial) => switchboard.take(dial),
    connected: (up) => switchboard.connected(up),
    close: () => switchboard.close(),
  };
}
