import mqtt from 'mqtt';

/** Everything that was published, as far as somebody saw who listens to all topics. */
export interface Wire {
  readonly seen: readonly { readonly topic: string; readonly bytes: Uint8Array }[];
  close(): void;
}

/** Listens to all topics of a broker, and comes back when the broker does. */
export async function recordWire(url: string): Promise<Wire> {
  const seen: { topic: string; bytes: Uint8Array }[] = [];
  const client = await mqtt.connectAsync(url, { reconnectPeriod: 20, resubscribe: true });
  client.on('error', () => {});
  client.on('message', (topic, payload) => seen.push({ topic, bytes: new Uint8Array(payload) }));
  await client.subscribeAsync('nes/#', { qos: 1 });
  return { seen, close: () => client.end(true) };
}
