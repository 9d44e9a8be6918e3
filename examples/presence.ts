/** Who is there? A state that the broker keeps for whoever comes later, and a will for when a connection breaks. */
import assert from 'node:assert/strict';
import { Messenger, type MessengerOptions, memoryStore } from 'sealmq';
import { createBroker, createKeyProvider } from 'sealmq/server';

const broker = await createBroker();
const directory = await createKeyProvider();
const open = async (address: string, options: Partial<MessengerOptions> = {}) => {
  const messenger = await Messenger.open({
    ...{ address, broker: broker.mqttUrl ?? '', directory: directory.url, store: memoryStore() },
    ...options,
  });
  await messenger.register();
  return messenger;
};

const pump = await open('pump');
const monitor = await open('monitor', {
  // If this connection breaks, the pump is told.
  will: { to: 'pump', payload: { monitor: 'lost' }, channel: 'presence' },
});
try {
  const told = new Promise<void>((resolve) => {
    monitor.on('state', ({ from, channel }) => {
      console.log(`monitor hears of the ${channel} of ${from}`);
      resolve();
    });
  });
  await pump.setState('pressure', { bar: 2.1 }, { to: 'monitor' });
  await told;

  const [pressure] = await monitor.states({ from: 'pump', channel: 'pressure' });
  console.log('monitor has', pressure?.json());
  assert.deepEqual(pressure?.json(), { bar: 2.1 });

  const cleared = new Promise<string>((resolve) => monitor.on('stateCleared', ({ channel }) => resolve(channel)));
  await pump.clearState('pressure', { to: 'monitor' });
  console.log('monitor hears that there is no more', await cleared);
  assert.deepEqual(await monitor.states(), []);
} finally {
  // A farewell: the broker forgets the will.
  await monitor.close();
  await pump.close();
  await directory.close();
  await broker.close();
}
