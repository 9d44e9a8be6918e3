import { present } from '../bytes/fields.js';
import { SealMQError } from '../errors.js';
import { PRESENCE, type PresenceTiming } from '../protocol/room/peer.js';
import { assertRoomName, roomFilters, roomPlaceOf } from '../protocol/room/room-topics.js';
import { assertOptions, flag, lifetime, type Rules } from './arguments.js';
import type { Context } from './context.js';
import { createFrameQueue } from './room/frame-queue.js';
import { roomPort } from './room/identity.js';
import { type JoinOptions, Room } from './room/room.js';
import { guestList } from './room/roster.js';
import { RoomSession } from './room/session.js';

/** The rooms that a messenger is in. */
export interface Rooms {
  /** @throws as `Messenger.joinRoom` */
  join(name: string, options: JoinOptions): Promise<Room>;
  /** Hands bytes to the room that the topic names; false when the topic is none of a room. */
  take(topic: string, bytes: Uint8Array): boolean;
  /** The connection came or went. */
  connected(up: boolean): void;
  /** Gives up the topics of rooms that an earlier life of this messenger was in: it never said farewell. */
  recover(): Promise<void>;
  /** Leaves all rooms. */
  close(): Promise<void>;
}

interface Joined {
  readonly room: Room;
  readonly session: RoomSession;
}

/** Names in the store of rooms that were joined, so that a restarted process can give their topics back. */
const STORED = 'room/';

const JOIN_RULES: Rules<JoinOptions> = {
  roster: { is: Array.isArray, what: 'a list of addresses' },
  frames: flag,
  signatures: flag,
  timing: { heartbeat: lifetime, silentAfter: lifetime, goneAfter: lifetime },
};

/** What was given, completed. @throws `USAGE_INVALID_ARGUMENT` where a member would be gone before it is silent */
function presenceTiming(given: Partial<PresenceTiming> = {}): PresenceTiming {
  const timing = { ...PRESENCE, ...present(given) };
  const { heartbeat, silentAfter, goneAfter } = timing;
  if (heartbeat < silentAfter && silentAfter < goneAfter) return timing;
  throw new SealMQError(
    'USAGE_INVALID_ARGUMENT',
    'timing: heartbeat is less than silentAfter, and that less than goneAfter',
  );
}

/** Topics of which it is remembered what they say, at most: two for each member of a large room. */
const MAX_PLACES = 2_048;

export function createRooms(context: Context): Rooms {
  const { transport, topicPrefix, account, store } = context;
  const joined = new Map<string, Joined>();
  const joining = new Set<string>();
  const places = new Map<string, NonNullable<ReturnType<typeof roomPlaceOf>>>();

  async function release(name: string, filters: readonly string[]): Promise<void> {
    joined.delete(name);
    await transport.unsubscribe(filters);
    await store.batch([{ type: 'del', key: STORED + name }]);
  }

  async function enter(name: string, options: JoinOptions): Promise<Room> {
    assertOptions(options, JOIN_RULES, 'options');
    const timing = presenceTiming(options.timing);
    const guests = guestList(options.admit, options.roster);
    const control = roomFilters(topicPrefix, name, account.device.id, { frames: false });
    const all = roomFilters(topicPrefix, name, account.device.id, { frames: options.frames ?? true });
    const frames = all.filter((filter) => !control.includes(filter));
    const port = roomPort(context, name);
    const queue = createFrameQueue();
    await store.batch([{ type: 'put', key: STORED + name, value: new Uint8Array(0) }]);
    const session = await RoomSession.begin({
      ...options,
      ...{ room: name, port, timing, ...guests },
      onFrame(frame) {
        for (const { device, from: address } of queue.put(frame)) {
          session.events.emit('undecryptable', { device, address, reason: 'overflow' });
        }
      },
    });
    const room = new Room(name, { session, queue, port, release: () => release(name, all) });
    joined.set(name, { room, session });
    try {
      // Our own frames are no use to us; our own heartbeats tell whether the way to the broker and back works.
      const further = frames.length > 0 ? [transport.subscribe(frames, { noLocal: true })] : [];
      await Promise.all([transport.subscribe(control), ...further]);
      await session.start();
      return room;
    } catch (error) {
      session.stop();
      await release(name, all);
      throw error;
    }
  }

  /** Most topics that come have come before. */
  function placeOf(topic: string): ReturnType<typeof roomPlaceOf> {
    const known = places.get(topic);
    if (known) return known;
    const found = roomPlaceOf(topicPrefix, topic);
    if (!found) return undefined;
    if (places.size >= MAX_PLACES) places.clear();
    places.set(topic, found);
    return found;
  }

  return {
    async join(name, options) {
      assertRoomName(name);
      if (joined.has(name) || joining.has(name)) throw new SealMQError('USAGE_INVALID_ARGUMENT', `in ${name} already`);
      joining.add(name);
      return enter(name, options).finally(() => joining.delete(name));
    },
    take(topic, bytes) {
      const found = placeOf(topic);
      if (!found) return false;
      joined.get(found.room)?.session.take(found.place, bytes);
      return true;
    },
    connected(up) {
      if (up) for (const { session } of joined.values()) session.reconnected();
    },
    async recover() {
      for await (const [key] of store.iterator({ gte: STORED, lt: 'room0' })) {
        const name = key.slice(STORED.length);
        if (joined.has(name) || joining.has(name)) continue;
        void transport.unsubscribe(roomFilters(topicPrefix, name, account.device.id));
        await store.batch([{ type: 'del', key }]);
      }
    },
    async close() {
      await Promise.all([...joined.values()].map(({ room }) => room.leave()));
    },
  };
}
