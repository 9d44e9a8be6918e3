import { run } from '../../crypto/steps.js';
import { asSealMQError } from '../../errors.js';
import { MESSAGE_ID_BYTES } from '../../protocol/envelope/claims.js';
import { open } from '../../protocol/envelope/open.js';
import { seal } from '../../protocol/envelope/seal.js';
import { activeDevices } from '../../protocol/identity/account.js';
import { signFrame, verifyFrame } from '../../protocol/room/frame-signature.js';
import { ROOM_MESSAGE_TYPE } from '../../protocol/room/room-message.js';
import { type ReceivedStatement, signRoomStatement, verifyRoomStatement } from '../../protocol/room/room-statement.js';
import { type RoomPlace, roomTopic } from '../../protocol/room/room-topics.js';
import { type Context, seconds } from '../context.js';
import { vouchedKey } from '../sender-keys.js';
import type { RoomMember } from './events.js';
import type { RoomPort } from './port.js';

const QOS = { 0: { qos: 0 }, 1: { qos: 1 } } as const;

/** The port of a room over a messenger's account, key cache and connection. */
export function roomPort(context: Context, room: string): RoomPort {
  const { provider, account, transport, topicPrefix } = context;
  const ownFrames = roomTopic(topicPrefix, room, { kind: 'frame', device: account.device.id });
  const topicOf = (place: RoomPlace) => (place.kind === 'frame' ? ownFrames : roomTopic(topicPrefix, room, place));
  return {
    provider,
    self: { address: account.address, device: account.device.id },
    get record() {
      return account.record.bytes;
    },
    now: () => context.now(),
    publish: (place, bytes, qos) => transport.publish(topicOf(place), bytes, QOS[qos]),
    sign: async (statement) => run(signRoomStatement(provider, account.device.signKey, statement)),
    verify: (received, leave) => verifySpeaker(context, received, leave),
    signFrame: (place, content) => run(signFrame(provider, account.device.signKey, place, content)),
    async verifyFrame(place, signature, content) {
      const sender = await vouchedKey(context, place.address, signature.kid);
      if ('refused' in sender || sender.device !== place.device) return false;
      return run(verifyFrame(provider, sender.key, place, signature, content));
    },
    seal: (to, payload) => sealTo(context, to, payload),
    async open(bytes, leave) {
      await context.settled();
      const outcome = await open(provider, bytes, {
        ...{ address: account.address, family: 'room', keys: account.sealKeys, now: seconds(context) },
        senderKey: (from, kid) => vouchedKey(context, from, kid, () => leave(from)),
      });
      if (outcome.kind !== 'opened' || outcome.message.device === undefined) return undefined;
      const { from: address, device, issuedAt, payload } = outcome.message;
      return { address, device, issuedAt, payload };
    },
    isCurrent({ address, device }) {
      const record = context.keys.cached(address);
      if (!record) context.keys.record(address).catch(() => {});
      return record && activeDevices(record, seconds(context)).some(({ id }) => id === device);
    },
    onRecord(listener) {
      const told = ({ address }: { readonly address: string }) => listener(address);
      const stops = (['devicesChanged', 'keyChanged'] as const).map((name) => context.events.on(name, told));
      return () => {
        for (const stop of stops) stop();
      };
    },
    warn: (cause) => context.events.emit('warning', asSealMQError(cause, 'STATE_UNAVAILABLE', 'a room stumbled')),
  };
}

/** Never on the word of the announcement: the key must be in the record that the directory, or a contact, vouches for. */
async function verifySpeaker(context: Context, received: ReceivedStatement, leave: () => void): Promise<boolean> {
  const { address, device } = received.statement;
  const sender = await vouchedKey(context, address, received.kid, leave);
  if ('refused' in sender || sender.device !== device) return false;
  return run(verifyRoomStatement(context.provider, sender.key, received));
}

async function sealTo(context: Context, to: RoomMember, payload: Uint8Array): Promise<Uint8Array | undefined> {
  const { account, provider, keys } = context;
  const record = keys.cached(to.address) ?? (await keys.record(to.address));
  const now = seconds(context);
  const device = record && activeDevices(record, now).find(({ id }) => id === to.device);
  if (!device) return undefined;
  const draft = {
    ...{ from: account.address, audience: to.address, issuedAt: now, id: provider.randomBytes(MESSAGE_ID_BYTES) },
    ...{ family: 'room' as const, contentType: ROOM_MESSAGE_TYPE, payload },
  };
  return seal(provider, draft, { signKey: account.device.signKey, recipients: [device.sealKey] });
}
