import { run } from '../crypto/steps.js';
import { isSealMQError } from '../errors.js';
import type { SenderKey, SenderRefusal } from '../protocol/envelope/open.js';
import { deviceStanding, findDevice } from '../protocol/identity/index.js';
import type { KeyRecord } from '../protocol/identity/record.js';
import { type Context, seconds } from './context.js';

/**
 * {@link senderKey} for family `control`, in which a device of ours that is about to be linked may speak before our record has
 * it: of the link only.
 */
export async function controlSenderKey(
  context: Context,
  from: string,
  kid: Uint8Array,
  leave: () => void,
): Promise<SenderKey> {
  const guest = from === context.account.address ? context.links.guestKey(kid) : undefined;
  return guest ?? senderKey(context, from, kid, leave);
}

/** {@link vouchedKey}, unless `from` is blocked. */
export async function senderKey(context: Context, from: string, kid: Uint8Array, leave = () => {}): Promise<SenderKey> {
  return context.contacts.isBlocked(from) ? { refused: 'blocked' } : vouchedKey(context, from, kid, leave);
}

/**
 * The signing key with thumbprint `kid` that belongs to `from`, blocked or not: out of the cache, else from the directory, which
 * is asked once more when the record at hand does not know the key.
 *
 * @param leave - called before the directory is asked
 * @throws `DIRECTORY_` codes for passing faults
 */
export async function vouchedKey(
  context: Context,
  from: string,
  kid: Uint8Array,
  leave = () => {},
): Promise<SenderKey> {
  const cached = context.keys.cached(from);
  const known = cached && (await keyIn(context, cached, kid));
  if (known) return known;
  leave();
  const record = await context.keys.record(from, { forKid: kid }).catch(refusalOf);
  if (typeof record === 'string') return { refused: record };
  if (!record) return { refused: 'unknown-sender' };
  return (await keyIn(context, record, kid)) ?? { refused: 'unknown-key' };
}

/** A new identity key is the application's to decide on; what else the directory throws passes. */
function refusalOf(error: unknown): SenderRefusal {
  if (isSealMQError(error, 'DIRECTORY_IDENTITY_HELD')) return 'held';
  if (isSealMQError(error, 'DIRECTORY_IDENTITY_REFUSED')) return 'identity-refused';
  throw error;
}

async function keyIn(context: Context, record: KeyRecord, kid: Uint8Array): Promise<SenderKey | undefined> {
  const device = await run(findDevice(context.provider, record, kid));
  if (!device) return undefined;
  const standing = deviceStanding(device, seconds(context));
  return standing === 'good' ? { key: device.signKey, device: device.id } : { refused: standing };
}
