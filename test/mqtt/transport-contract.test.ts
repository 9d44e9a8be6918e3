import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { mqttTransport } from '../../src/adapters/mqtt/mqtt-transport.js';
import { transportContract } from '../../src/testing/transport-contract.js';
import { type Broker, onMosquitto, startAedes, startMosquitto } from './brokers.js';
import { startProxy } from './proxy.js';

const functions = { describe, it, deepEqual: (a: unknown, b: unknown) => expect(a).toEqual(b) };

/** A bench on a broker: sessions have unguessable client ids, the network between can be cut. */
async function bench(start: () => Promise<Broker>) {
  const broker = await start();
  const proxy = await startProxy(broker.port);
  const ids = new Map<string, string>();
  return {
    create(session: string) {
      const clientId = ids.get(session) ?? randomUUID();
      ids.set(session, clientId);
      return mqttTransport({ broker: `mqtt://127.0.0.1:${proxy.port}`, clientId, random: () => 0.01 });
    },
    interrupt: () => proxy.cut(),
    async release() {
      await proxy.close();
      await broker.close();
    },
  };
}

transportContract('the MQTT transport on aedes (3.1.1)', () => bench(startAedes), functions);
transportContract('the MQTT transport on Mosquitto (5)', () => bench(startMosquitto), {
  ...functions,
  it: onMosquitto,
});
