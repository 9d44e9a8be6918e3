import { MESSAGE_ID_BYTES } from '../protocol/envelope/claims.js';
import { CONTROL_TYPE, type Control, encodeControl } from '../protocol/envelope/control.js';
import { seal } from '../protocol/envelope/seal.js';
import { topicOf } from '../protocol/envelope/topics.js';
import { activeDevices } from '../protocol/identity/account.js';
import { type Context, seconds } from './context.js';

/**
 * Seals a control message to one device and publishes it. It is neither numbered nor kept: receipts are cumulative and
 * requests are repeated, so a lost one is made good by the next.
 *
 * @returns false when the device cannot be written to any more
 * @throws `TRANSPORT_` and `DIRECTORY_` codes
 */
export async function sendControl(context: Context, to: string, deviceId: string, control: Control): Promise<boolean> {
  const { account, provider, keys, transport, topicPrefix } = context;
  const record = keys.cached(to) ?? (await keys.record(to));
  const now = seconds(context);
  const device = record && activeDevices(record, now).find(({ id }) => id === deviceId);
  if (!device) return false;
  const draft = {
    ...{ from: account.address, audience: to, issuedAt: now, id: provider.randomBytes(MESSAGE_ID_BYTES) },
    ...{ family: 'control' as const, contentType: CONTROL_TYPE, payload: encodeControl(control) },
  };
  const sealed = await seal(provider, draft, { signKey: account.device.signKey, recipients: [device.sealKey] });
  await transport.publish(topicOf(topicPrefix, to, 'control'), sealed, { qos: 1 });
  return true;
}
