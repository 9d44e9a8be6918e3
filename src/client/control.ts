import type { PrivateKey } from '../crypto/provider.js';
import { MESSAGE_ID_BYTES } from '../protocol/envelope/claims.js';
import { CONTROL_TYPE, type Control, encodeControl } from '../protocol/envelope/control.js';
import { seal } from '../protocol/envelope/seal.js';
import { topicOf } from '../protocol/envelope/topics.js';
import { activeDevices } from '../protocol/identity/account.js';
import type { DeviceEntry } from '../protocol/identity/device.js';
import { type Context, seconds } from './context.js';
import { handOver } from './relay/make-hand-in.js';

/**
 * Seals a control message to one device and publishes it. It is neither numbered nor kept: receipts are cumulative and
 * requests are repeated, so a lost one is made good by the next.
 *
 * @returns false when the device cannot be written to any more
 * @throws `TRANSPORT_` and `DIRECTORY_` codes
 */
export async function sendControl(context: Context, to: string, deviceId: string, control: Control): Promise<boolean> {
  const device = (await devicesOf(context, to)).find(({ id }) => id === deviceId);
  if (!device) return false;
  await publishControl(context, to, [device], control);
  return true;
}

/** As {@link sendControl}, to every other device of `to`; those of our own address as our record has them. `signKey`: not the newest of this device. */
export async function tellEveryDevice(
  context: Context,
  to: string,
  control: Control,
  signKey?: PrivateKey,
): Promise<void> {
  const devices = (await devicesOf(context, to)).filter(({ id }) => id !== context.account.device.id);
  if (devices.length > 0) await publishControl(context, to, devices, control, signKey);
}

/** Whoever is blocked is told nothing, not even that we are here. */
async function devicesOf({ account, contacts, keys, now }: Context, to: string): Promise<readonly DeviceEntry[]> {
  if (contacts.isBlocked(to)) return [];
  const record = to === account.address ? account.record : (keys.cached(to) ?? (await keys.record(to)));
  return record ? activeDevices(record, seconds({ now })) : [];
}

/** Seals to devices that need not stand in a record, as one that is about to be linked does not. @throws `TRANSPORT_` codes */
export async function publishControl(
  context: Context,
  to: string,
  devices: readonly Pick<DeviceEntry, 'sealKey'>[],
  control: Control,
  signKey: PrivateKey = context.account.device.signKey,
): Promise<void> {
  const { account, provider, transport, topicPrefix, now, via } = context;
  const draft = {
    ...{ from: account.address, audience: to, issuedAt: seconds({ now }), id: provider.randomBytes(MESSAGE_ID_BYTES) },
    ...{ family: 'control' as const, contentType: CONTROL_TYPE, payload: encodeControl(control) },
  };
  const recipients = devices.map(({ sealKey }) => sealKey);
  const sealed = await seal(provider, draft, { signKey, recipients });
  if (via === 'relay' && to !== account.address)
    return handOver(context, { receivers: [to], sealed, family: 'control' });
  await transport.publish(topicOf(topicPrefix, to, 'control'), sealed, { qos: 1 });
}
