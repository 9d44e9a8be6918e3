import { describe, expect, test } from 'vitest';
import { mqttTransport } from '../../src/adapters/mqtt/mqtt-transport.js';
import type { Messenger } from '../../src/client/messenger.js';
import type { Room } from '../../src/client/room/room.js';
import { nativeProvider } from '../../src/crypto/native.js';
import type { Transport } from '../../src/ports/transport.js';
import { type Random, seededRandom } from '../../src/testing/seeded.js';
import { closing, createWorld, until } from '../client/world.js';
import { type Broker, onMosquitto, startAedes, startMosquitto } from '../mqtt/brokers.js';

const NAMES = ['ann', 'ben', 'cleo', 'dan', 'eve', 'fay', 'gus', 'hal', 'ida', 'jan', 'kim', 'leo'];
const STEPS = 60;
const TROUBLE = 0.05;
const TIMING = { heartbeat: 200, silentAfter: 3_000, goneAfter: 8_000 };

/** One member's connection: control messages are lost, doubled and late, one in twenty each; and it can be cut for good. */
function troubled(broker: string, random: Random) {
  const transport = mqttTransport({ broker, clientId: nativeProvider().randomBytes(8).join('') });
  let dead = false;
  const connection: Transport = {
    ...transport,
    open: (filters, handlers) =>
      transport.open(filters, {
        ...handlers,
        message: async (topic, payload) => (dead ? undefined : handlers.message(topic, payload)),
      }),
    async publish(topic, payload, options) {
      if (dead) return;
      if (!topic.includes('/control')) return transport.publish(topic, payload, options);
      if (random.chance(TROUBLE)) return;
      const again = () => transport.publish(topic, payload, options).catch(() => {});
      if (random.chance(TROUBLE)) setTimeout(again, random.next(1_000));
      if (!random.chance(TROUBLE)) return transport.publish(topic, payload, options);
      setTimeout(again, random.next(1_000));
    },
  };
  return {
    connection,
    cut() {
      dead = true;
    },
  };
}

/**
 * Members join, leave and crash at random over a real broker; then those that are left must reach one another. The seed decides
 * who does what; what becomes of a message depends on its moment as well.
 */
async function storm(start: () => Promise<Broker>, seed: number): Promise<void> {
  const world = await createWorld();
  const broker = await start();
  closing(() => broker.close());
  const random = seededRandom(seed);
  const members = new Map<string, Messenger>();
  const cuts = new Map<string, () => void>();
  const suites = ['X25519-Ed25519', 'P256-ESP256'] as const;
  for (const [i, name] of NAMES.entries()) {
    // Of its own: who does what must not depend on when messages go out.
    const { connection, cut } = troubled(`mqtt://127.0.0.1:${broker.port}`, seededRandom(1000 * seed + i));
    members.set(name, await world.join(name, { broker: connection, suite: random.pick(suites) }));
    cuts.set(name, cut);
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
  for (let i = 0; i < STEPS; i++) {
    const name = random.pick([...cuts.keys()]);
    const joined = rooms.get(name);
    if (!joined) await enter(name);
    else if (random.chance(0.2)) {
      rooms.delete(name);
      await joined.room.leave();
    } else if (random.chance(0.05)) {
      rooms.delete(name);
      cuts.get(name)?.();
      cuts.delete(name);
    } else await joined.room.send(new TextEncoder().encode(`${i}`), { qos: 1 });
  }
  const [unlucky] = rooms.keys();
  if (cuts.size === NAMES.length && unlucky !== undefined) {
    rooms.delete(unlucky);
    cuts.get(unlucky)?.();
    cuts.delete(unlucky);
  }
  for (const name of [...cuts.keys()].slice(0, 3)) if (!rooms.has(name)) await enter(name);
  expect(cuts.size).toBeLessThan(NAMES.length);
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

describe('after joins, leaves and crashes at random, with control messages lost, doubled and late, those that are left reach one another', () => {
  test('on aedes (seed 1)', { timeout: 60_000 }, () => storm(startAedes, 1));
  onMosquitto('on Mosquitto (seed 2)', { timeout: 60_000 }, () => storm(startMosquitto, 2));
});
