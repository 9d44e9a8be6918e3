import { randomUUID } from 'node:crypto';
import { onTestFinished } from 'vitest';
import { type MqttTransportOptions, mqttTransport } from '../../src/adapters/mqtt/mqtt-transport.js';
import type { Transport } from '../../src/ports/transport.js';
import { type Handling, type Observed, observeTransport } from '../../src/testing/observed-transport.js';
import type { Broker } from './brokers.js';

/** The broker, or proxy, of a running start; closed when the test is over. */
export async function during<T extends { close(): Promise<void> }>(starting: Promise<T>): Promise<T> {
  const started = await starting;
  onTestFinished(() => started.close());
  return started;
}

/** The address of a broker, for plain TCP. */
export function url({ port }: Pick<Broker, 'port'>): string {
  return `mqtt://127.0.0.1:${port}`;
}

/** A transport with a session of its own and next to no waiting between attempts; closed when the test is over. */
export function observe(
  options: Partial<MqttTransportOptions> & Pick<MqttTransportOptions, 'broker'>,
  handling?: Handling,
): Observed {
  return observed(mqttTransport({ clientId: randomUUID(), random: () => 0.001, ...options }), handling);
}

/** Watches `transport`, which is closed when the test is over. */
export function observed(transport: Transport, handling?: Handling): Observed {
  onTestFinished(() => transport.close());
  return observeTransport(transport, handling);
}

/** The error that `work` rejects with. */
export async function errorOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}
