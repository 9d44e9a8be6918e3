/**
 * A gateway seals sensor readings to a back end, over the MqttClient that it has anyway. The back end is away for a day, and
 * meanwhile the broker is restarted, and once more with an empty disk: every reading arrives, each of them once.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { type Clock, type Message, Messenger } from 'sealmq';
import { createBroker, createKeyProvider } from 'sealmq/server';

const HOUR = 3_600_000;
const SENSORS = ['boiler', 'pump', 'valve'];

/** One clock for everybody, which the day is simulated with. */
let skipped = 0;
const clock: Clock = { now: () => Date.now() + skipped };

/** The day lasts seconds here, so the pauses before something is asked for or sent again are short as well; milliseconds. */
const timing = { receiptDelay: 100, gapDelay: 200, republishAfter: 500 };

const folder = await mkdtemp(join(tmpdir(), 'sealmq-gateway-'));
const queues = join(folder, 'broker');
const directory = await createKeyProvider({ clock });
let broker = await createBroker({ data: queues });
const url = broker.mqttUrl ?? '';

/** The client of the gateway's own programs: it decides how to connect, and goes on publishing what is not secret. */
const own = mqtt.connect(url, {
  ...{ manualConnect: true, protocolVersion: 4, clean: false, clientId: 'k7Fq2mXz9RbT4wLc', reconnectPeriod: 200 },
});
own.on('error', () => {
  // It reconnects by itself; without a listener the error would end the process.
});

const gateway = await Messenger.open({
  ...{ address: 'gateway-7', broker: own, directory: directory.url, store: join(folder, 'gateway'), clock, timing },
});
await gateway.register();

const received: Message[] = [];
const openBackEnd = async () => {
  const messenger = await Messenger.open({
    ...{ address: 'backend', broker: url, directory: directory.url, store: join(folder, 'backend'), clock, timing },
  });
  await messenger.register();
  messenger.on('missing', ({ range: [from, to] }) =>
    say('Back end', `notices that messages ${from} to ${to} are missing`),
  );
  messenger.on('message', (message) => {
    received.push(message);
  });
  return messenger;
};
let backEnd = await openBackEnd();

let taken = 0;
const takeReadings = () =>
  Promise.all(
    SENSORS.map((sensor) =>
      gateway.send(
        'backend',
        { reading: ++taken, sensor, degrees: 20 + (taken % 7) },
        { channel: `telemetry/${sensor}` },
      ),
    ),
  );

try {
  say('Gateway', 'reads its sensors, seals, and publishes through the client that it has anyway');
  await Promise.all((await takeReadings()).map(({ delivered }) => delivered));
  await own.publishAsync('plant/7/state', 'running', { qos: 1 });
  say('Back end', `has ${received.length} readings, and knows that gateway-7 sent them`);

  await backEnd.close();
  say('Back end', 'goes away for a day');
  for (let hour = 1; hour <= 24; hour++) {
    skipped += HOUR;
    if (hour === 6) await restartBroker('is restarted');
    if (hour === 12)
      await restartBroker('is restarted with an empty disk: all that it had queued is gone', { wipe: true });
    await takeReadings();
  }
  const { outbox, unreceipted } = gateway.status();
  say(
    'Gateway',
    `has taken ${taken} readings, and keeps the ${outbox + unreceipted} sealed messages that nobody receipted`,
  );
  // The readings of one hour were sent in one turn, and travel together.
  assert.equal(outbox + unreceipted, 24);

  backEnd = await openBackEnd();
  say('Back end', 'is back, and connects');
  while (received.length < taken || gateway.status().unreceipted > 0) await pause(50);

  const readings = received.map((message) => (message.json() as { reading: number }).reading);
  assert.deepEqual(new Set(readings).size, taken);
  assert.equal(readings.length, taken);
  assert.ok(received.every(({ from, channel }) => from === 'gateway-7' && channel?.startsWith('telemetry/')));
  assert.ok(own.connected);
  say('End', `all ${taken} readings arrived, each of them once; the gateway keeps ${gateway.status().unreceipted}`);
} finally {
  await backEnd.close();
  await gateway.close();
  // The messenger leaves the client as it is: it belongs to the gateway.
  await own.endAsync(true);
  await broker.close();
  await directory.close();
  await rm(folder, { recursive: true });
}

async function restartBroker(what: string, { wipe = false } = {}): Promise<void> {
  await broker.close();
  if (wipe) await rm(queues, { recursive: true });
  broker = await createBroker({ data: queues, mqtt: Number(new URL(url).port) });
  say('Broker', what);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function say(who: string, what: string): void {
  console.log(`${who.padStart(8)} | ${what}`);
}
