import mqtt from 'mqtt';
import { createBroker } from '../../src/server/broker/broker.js';

// Run as a process of its own: opens a broker, uses it, closes it, and must then end by itself.
const [, , data = ''] = process.argv;
const broker = await createBroker({ data, ws: 0 });
for (const url of [broker.mqttUrl, broker.wsUrl]) {
  const client = await mqtt.connectAsync(url ?? '', { clientId: `of-${url}`, clean: false, reconnectPeriod: 0 });
  await client.subscribeAsync('some/#', { qos: 1 });
  await client.publishAsync('some/topic', 'text', { qos: 1, retain: true });
  // Not awaited: the broker closes under a client that is busy.
  for (let count = 0; count < 500; count += 1) client.publish('some/topic', 'text', { qos: 1 });
}
await broker.close();
