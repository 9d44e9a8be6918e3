import { describe, expect, onTestFailed, test } from 'vitest';
import { mqttTransport } from '../../src/adapters/mqtt/mqtt-transport.js';
import type { Messenger } from '../../src/client/messenger.js';
import type { Room } from '../../src/client/room/room.js';
import { nativeProvider } from '../../src/crypto/native.js';
import type { Transport } from '../../src/ports/transport.js';
import { type Random, seededRandom } from '../../src/testing/seeded.js';
import { closing, createWorld, until } from '../client/world.js';
import { type Broker, onMosquitto, startAedes, startMosquitto } from '../mqtt/brokers.js';

const TROUBLE = 0.05;
/** Of fewer steps a member most would be joins. */
const STEPS_EACH = 3;
const TIMING = { heartbeat: 1_000, silentAfter: 5_000, goneAfter: 12_000 };

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

/** What is in the way of `room`: members that are missing, not ready, or too many. */
function obstacles(room: Room, names: readonly string[]): string[] {
  const ready = new Set(room.members.filter((member) => member.ready).map(({ address }) => address));
  const surplus = room.members
    .filter(({ address }) => !names.includes(address))
    .map(({ address }) => `${address} too many`);
  return [...names.filter((name) => !ready.has(name)).map((name) => `${name} not ready`), ...surplus];
}

/**
 * Members join, leave and crash at random over a real broker; then those that are left must reach one another. The seed decides
 * who does what; what becomes of each message depends on its moment as well.
 */
async function storm(start: () => Promise<Broker>, count: number, seed: number): Promise<void> {
  const names = Array.from({ length: count }, (_, i) => `member${i}`);
  const world = await createWorld();
  const broker = await start();
  closing(() => broker.close());
  const random = seededRandom(seed);
  const members = new Map<string, Messenger>();
  const cuts = new Map<string, () => void>();
  const suites = ['X25519-Ed25519', 'P256-ESP256'] as const;
  for (const [i, name] of names.entries()) {
    // Of its own: who does what must not depend on when messages go out.
    const { connection, cut } = troubled(`mqtt://127.0.0.1:${broker.port}`, seededRandom(1000 * seed + i));
    members.set(name, await world.join(name, { broker: connection, suite: random.pick(suites) }));
    cuts.set(name, cut);
  }
  const rooms = new Map<string, { room: Room; taken: string[]; reported: string[] }>();
  /** What was sent, and in which rooms it is to be opened or reported: those of members who had our key. */
  const sent: { readonly from: string; readonly text: string; readonly to: readonly Room[] }[] = [];
  const enter = async (name: string) => {
    const room = await (members.get(name) as Messenger).joinRoom('storm', { admit: names, timing: TIMING });
    const taken: string[] = [];
    const reported: string[] = [];
    room.on('undecryptable', ({ address }) => reported.push(address ?? ''));
    rooms.set(name, { room, taken, reported });
    void (async () => {
      for await (const { from, bytes } of room.frames()) taken.push(`${from} ${new TextDecoder().decode(bytes)}`);
    })();
  };
  for (let i = 0; i < STEPS_EACH * count; i++) {
    const name = random.pick([...cuts.keys()]);
    const joined = rooms.get(name);
    if (!joined) await enter(name);
    else if (random.chance(0.15)) {
      rooms.delete(name);
      await joined.room.leave();
    } else if (random.chance(0.05)) {
      rooms.delete(name);
      cuts.get(name)?.();
      cuts.delete(name);
    } else {
      const ready = joined.room.members.filter((member) => member.ready).map(({ address }) => address);
      const to = ready.flatMap((address) => rooms.get(address)?.room ?? []);
      sent.push({ from: name, text: `${i}`, to });
      await joined.room.send(new TextEncoder().encode(`${i}`), { qos: 1 });
    }
  }
  for (const name of [...cuts.keys()].slice(0, count / 2)) if (!rooms.has(name)) await enter(name);
  expect(cuts.size).toBeLessThan(count);
  const left = [...rooms.keys()];
  const othersOf = (name: string) => left.filter((other) => other !== name);
  const found = () => [...rooms].map(([name, { room }]) => ({ name, obstacles: obstacles(room, othersOf(name)) }));
  onTestFailed(() => console.error(JSON.stringify(found())));
  await until(() => found().every((one) => one.obstacles.length === 0) || undefined);
  for (const [name, { room }] of rooms) await room.send(new TextEncoder().encode(`last of ${name}`), { qos: 1 });
  for (const [name, { taken }] of rooms) {
    const lines = othersOf(name).map((other) => `${other} last of ${other}`);
    await until(() => lines.every((line) => taken.includes(line)) || undefined);
  }
  expect(left.length).toBeGreaterThanOrEqual(count / 2);
  const missing = [...rooms].flatMap(([name, { room, taken, reported }]) =>
    names.flatMap((other) => {
      const lacking = sent.filter(
        ({ from, text, to }) => from === other && to.includes(room) && !taken.includes(`${from} ${text}`),
      );
      // Each frame travels alone here, so a report stands for one.
      const reports = reported.filter((address) => address === other).length;
      return lacking.slice(reports).map(({ text }) => `${name} lacks ${text} of ${other}`);
    }),
  );
  expect(missing).toEqual([]);
  expect(sent.some(({ to }) => to.some((room) => [...rooms.values()].some((one) => one.room === room)))).toBe(true);
  for (const { room } of rooms.values()) await room.leave();
}

describe('after joins, leaves and crashes at random, with control messages lost, doubled and late, those that are left reach one another', () => {
  test('on aedes, twelve members (seed 1)', { timeout: 60_000 }, () => storm(startAedes, 12, 1));
  onMosquitto('on Mosquitto, 32 members (seed 2)', { timeout: 240_000 }, () => storm(startMosquitto, 32, 2));
});
