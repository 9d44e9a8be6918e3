/** A question and its answer, sealed both ways: a thermostat that answers what it is asked, and nobody else can. */
import assert from 'node:assert/strict';
import { Messenger, memoryStore } from 'sealmq';
import { createBroker, createKeyProvider } from 'sealmq/server';

const broker = await createBroker();
const directory = await createKeyProvider();
const open = async (address: string) => {
  const messenger = await Messenger.open({
    address,
    broker: broker.mqttUrl ?? '',
    directory: directory.url,
    store: memoryStore(),
  });
  await messenger.register();
  return messenger;
};

const thermostat = await open('thermostat');
const app = await open('app');
try {
  let target = 19;
  thermostat.respond((question) => {
    const { set } = question.json() as { set?: number };
    target = set ?? target;
    return { target, askedBy: question.from };
  });

  const before = await app.request('thermostat', {});
  console.log('app asks, thermostat answers', before.json());
  assert.deepEqual(before.json(), { target: 19, askedBy: 'app' });

  const after = await app.request('thermostat', { set: 21 }, { timeout: 5000 });
  console.log('app sets 21, thermostat answers', after.json());
  assert.deepEqual(after.json(), { target: 21, askedBy: 'app' });
} finally {
  await app.close();
  await thermostat.close();
  await directory.close();
  await broker.close();
}
