import type { MqttClient } from 'mqtt';
import { isSealMQError, SealMQError } from '../../errors.js';
import type { SubscribeOptions } from '../../ports/transport.js';
import { subscribe, unsubscribe } from './subscribe.js';
import { topicMatcher } from './topic-filter.js';

/** The filters of one transport: those it was opened with, and those that come and go while it runs. */
export interface Subscriptions {
  /** The filters that `open` was told; without them a connection is no use. */
  begin(filters: readonly string[]): void;
  owns(topic: string): boolean;
  /**
   * A connection is up. The packets are on their way when this returns, before anything that is published next.
   *
   * @throws `TRANSPORT_REFUSED` when the broker denies one of the first filters, `TRANSPORT_CLOSED`
   */
  renew(client: MqttClient, sessionPresent: boolean): Promise<void>;
  /** The connection is gone. */
  lost(): void;
  /** Resolves when the filters are in place, on this connection or a later one. @throws `TRANSPORT_REFUSED`, `TRANSPORT_CLOSED` */
  add(filters: readonly string[], options?: SubscribeOptions): Promise<void>;
  /** Nothing of these filters is handed in any more; the broker is told now or on the next connection. */
  remove(filters: readonly string[]): Promise<void>;
  /** Nobody waits any longer. */
  close(): void;
}

/** @param shareGroup - of the first filters, where the broker has shared subscriptions */
export function createSubscriptions(shareGroup?: string): Subscriptions {
  let first: readonly string[] = [];
  const added = new Map<string, SubscribeOptions>();
  /** Removed while the broker could not be told: its session may still have them. */
  const removed = new Set<string>();
  let owns = topicMatcher([]);
  let client: MqttClient | undefined;
  let closed = false;
  let waiting: (() => void)[] = [];

  const match = (): void => {
    owns = topicMatcher([...first, ...added.keys()]);
  };

  const noLocal = (filter: string): boolean => added.get(filter)?.noLocal ?? false;

  const wake = (): void => {
    const woken = waiting;
    waiting = [];
    for (const resolve of woken) resolve();
  };

  /** The connection, or the next one after `tried`. */
  async function connection(tried: MqttClient | undefined): Promise<MqttClient> {
    while (!closed && (client === undefined || client === tried)) {
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
    if (closed || client === undefined) throw new SealMQError('TRANSPORT_CLOSED', 'closed');
    return client;
  }

  function forget(filters: readonly string[]): void {
    for (const filter of filters) added.delete(filter);
    match();
  }

  return {
    begin(filters) {
      first = filters;
      match();
    },
    owns: (topic) => owns(topic),
    async renew(next, sessionPresent) {
      client = next;
      wake();
      tellRemoved(next, sessionPresent, removed);
      // Each time: a broker can have the session and not its subscriptions, and we would be deaf for good.
      // A later filter that is denied now is no reason to give the connection up.
      const later = added.size > 0 ? subscribe(next, [...added.keys()], noLocal).catch(() => {}) : undefined;
      if (first.length > 0) await subscribe(next, shareGroup === undefined ? first : shared(next, shareGroup, first));
      await later;
    },
    lost() {
      client = undefined;
    },
    async add(filters, options = {}) {
      for (const filter of filters) {
        added.set(filter, options);
        removed.delete(filter);
      }
      match();
      let tried: MqttClient | undefined;
      for (;;) {
        tried = await connection(tried);
        try {
          return await subscribe(tried, filters, noLocal);
        } catch (error) {
          if (!isSealMQError(error, 'TRANSPORT_REFUSED')) continue;
          forget(filters);
          throw error;
        }
      }
    },
    async remove(filters) {
      forget(filters);
      const told = client !== undefined && (await unsubscribe(client, filters));
      if (!told) for (const filter of filters) if (!added.has(filter)) removed.add(filter);
    },
    close() {
      closed = true;
      wake();
    },
  };
}

/** The filters as shared ones (MQTT 5 §4.8.2), unless the broker of this connection has none. */
function shared(
  { options, serverProperties }: MqttClient,
  group: string,
  filters: readonly string[],
): readonly string[] {
  const isAvailable = options.protocolVersion === 5 && serverProperties?.sharedSubscriptionAvailable !== false;
  return isAvailable ? filters.map((filter) => `$share/${group}/${filter}`) : filters;
}

function tellRemoved(client: MqttClient, sessionPresent: boolean, removed: Set<string>): void {
  const filters = [...removed];
  removed.clear();
  if (!sessionPresent || filters.length === 0) return;
  void unsubscribe(client, filters).then((told) => {
    if (!told) for (const filter of filters) removed.add(filter);
  });
}
