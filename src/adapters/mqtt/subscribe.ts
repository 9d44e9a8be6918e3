import type { ISubscriptionMap, MqttClient } from 'mqtt';
import { SealMQError } from '../../errors.js';

/**
 * Subscribes `filters` with QoS 1. The packet is written before this returns, so it goes before whatever is published next.
 *
 * @param noLocal - which of them are not to bring what this client publishes; every filter does so in MQTT 3.1.1
 * @throws `TRANSPORT_REFUSED` when the broker denies a filter, `TRANSPORT_CLOSED` when the connection ends before its answer
 */
export function subscribe(
  client: MqttClient,
  filters: readonly string[],
  noLocal: (filter: string) => boolean = () => false,
): Promise<void> {
  // MQTT 5 §3.8.3.1, retain handling 1: what is retained comes with a new subscription, not with a renewed one.
  const requests = Object.fromEntries(filters.map((filter) => [filter, { qos: 1, rh: 1, nl: noLocal(filter) }]));
  // Without this flag the client leaves out what it believes to be in place.
  const map = Object.assign(requests, { resubscribe: true }) as unknown as ISubscriptionMap;
  return new Promise((resolve, reject) => {
    client.subscribe(map, (error) => (error ? reject(subscribeError(error)) : resolve()));
  });
}

/** Unsubscribes `filters`: true when the broker has confirmed it, false when the connection ended before. Never rejects. */
export function unsubscribe(client: MqttClient, filters: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    client.unsubscribe([...filters], (error) => resolve(!error));
  });
}

function subscribeError(error: Error): SealMQError {
  const answered = 'packet' in error && error.packet !== undefined;
  if (answered)
    return new SealMQError('TRANSPORT_REFUSED', `the broker denies a subscription: ${error.message}`, error);
  return new SealMQError('TRANSPORT_CLOSED', `not subscribed: ${error.message}`, error);
}
