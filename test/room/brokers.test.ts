import { describe, expect, test } from 'vitest';
import type { Messenger } from '../../src/client/messenger.js';
import type { Room } from '../../src/client/room/room.js';
import { seededRandom } from '../../src/testing/seeded.js';
import { closing, createWorld, until } from '../client/world.js';
import { type Broker, onMosquitto, startAedes, startMosquitto } from '../mqtt/brokers.js';

const NAMES = ['ann', 'ben', 'cleo', 'dan', 'eve', 'fay', 'gus', 'hal'];
const TIMING = { heartbeat: 200, silentAfter: 3_000, goneAfter: 8_000 };

/** Members join and leave at random over a real broker; then those that are left must reach one another. */
async function storm(start: () => Promise<Broker>, seed: number): Promise<void> {
  const world = await createWorld();
  const broker = await start();
  closing(() => broker.close());
  const random = seededRandom(seed);
  const members = new Map<string, Messenger>();
  const suites = ['X25519-Ed25519', 'P256-ESP256'] as const;
  for (const name of NAMES) {
    const options = { broker: `mqtt://127.0.0.1:${broker.port}`, suite: random.pick(suites) };
    members.set(name, await world.join(name, options));
  }
  const rooms = new Map<string, { room: Room; taken: string[] }>();
  const enter = async (name: string) => {
    const room = await (members.get(name) as Messenger).joinRoom('storm', { admit: NAMES, timing: TIMING });
    const taken: string[] = [];
    rooms.set(name, { room, taken });
    void (async () => {
      for await (const { from, bytes } of room.frames()) taken.push(`${from} ${new TextDecoder().decode(bytes)}`);
    })();
  };
  for (let i = 0; i < 40; i++) {
    const name = random.pick(NAMES);
    const joined = rooms.get(name);
    if (!joined) await enter(name);
    else if (random.chance(0.2)) {
      rooms.delete(name);
      await joined.room.leave();
    } else await joined.room.send(new TextEncoder().encode(`${i}`), { qos: 1 });
  }
  for (const name of NAMES.slice(0, 3)) if (!rooms.has(name)) await enter(name);
  const names = [...rooms.keys()].sort();
  await until(() => {
    const all = [...rooms].map(([name, { room }]) => {
      const ready = room.members.filter((member) => member.ready).map(({ address }) => address);
      return (
        ready.sort().join() === names.filter((other) => other !== name).join() && room.members.length === ready.length
      );
    });
    return all.every(Boolean) || undefined;
  });
  for (const [name, { room }] of rooms) await room.send(new TextEncoder().encode(`last of ${name}`), { qos: 1 });
  for (const [name, { taken }] of rooms) {
    const lines = names.filter((other) => other !== name).map((other) => `${other} last of ${other}`);
    await until(() => lines.every((line) => taken.includes(line)) || undefined);
  }
  expect(names.length).toBeGreaterThanOrEqual(3);
  for (const { room } of rooms.values()) await room.leave();
}

describe('after joins and leaves at random those that are left reach one another', () => {
  test('on aedes', { timeout: 60_000 }, () => storm(startAedes, 1));
  onMosquitto('on Mosquitto', () => storm(startMosquitto, 2));
});
