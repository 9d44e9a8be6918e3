/**
 * One gateway, many readers, one ciphertext: readings as frames of a room. A reader that leaves reads no further, and whoever
 * listens at the broker reads nothing.
 */
import assert from 'node:assert/strict';
import mqtt from 'mqtt';
import { Messenger, memoryStore, type Room } from 'sealmq';
import { createBroker, createKeyProvider } from 'sealmq/server';

const READERS = ['ann', 'ben', 'cleo', 'dan'];
const READINGS = 100;
const admit = ['gateway', ...READERS];

const broker = await createBroker();
const directory = await createKeyProvider();
const open = async (address: string): Promise<Messenger> => {
  const place = { broker: broker.mqttUrl ?? '', directory: directory.url, store: memoryStore() };
  const messenger = await Messenger.open({ address, ...place });
  await messenger.register();
  return messenger;
};

const messengers = await Promise.all(admit.map(open));
const [gateway, ...readers] = messengers as [Messenger, ...Messenger[]];

// The gateway only sends: it has no use for the frames of others.
const source = await gateway.joinRoom('plant-7', { admit, frames: false });
const rooms = await Promise.all(readers.map((reader) => reader.joinRoom('plant-7', { admit })));
await until(() => source.members.filter(({ ready }) => ready).length === READERS.length);
say(`the gateway and ${READERS.length} readers have each other's keys`);

const eve = await mqtt.connectAsync(broker.mqttUrl ?? '');
const overheard: Uint8Array[] = [];
eve.on('message', (_topic, payload) => overheard.push(payload));
await eve.subscribeAsync(`nes/room/plant-7/frame/${gateway.deviceId}`);

const read = rooms.map((room) => take(room, READINGS));
for (let i = 0; i < READINGS; i++) {
  const reading = new TextEncoder().encode(JSON.stringify({ celsius: 20 + i / 100 }));
  await source.send(reading, { channel: 'boiler/temperature', qos: 1 });
}
for (const frames of await Promise.all(read)) assert.equal(frames.at(-1), 'boiler/temperature {"celsius":20.99}');
await until(() => overheard.length === READINGS);
assert.ok(overheard.every((bytes) => !Buffer.from(bytes).includes('celsius')));
say(
  `${READINGS} readings, ${READERS.length} readers, ${overheard.length} ciphertexts of some ${overheard[0]?.length} bytes`,
);

const [first, ...others] = rooms as [Room, ...Room[]];
const without = others.map((room) => take(room, 1));
await first.leave();
await until(() => source.members.length === READERS.length - 1);
await source.send(new TextEncoder().encode('after ann'), { qos: 1 });
for (const frames of await Promise.all(without)) assert.match(frames[0] ?? '', /after ann/);
say('ann left: the gateway took a new key before its next frame, and gave it to the others only');

await Promise.all(messengers.map((messenger) => messenger.close()));
await eve.endAsync();
await broker.close();
await directory.close();

/** The next frames of a room, as text. */
async function take(room: Room, count: number): Promise<string[]> {
  const taken: string[] = [];
  for await (const { channel = '', bytes } of room.frames()) {
    taken.push(`${channel} ${new TextDecoder().decode(bytes)}`);
    if (taken.length === count) break;
  }
  return taken;
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 10));
}

function say(what: string): void {
  console.log(what);
}
