import { run } from '../../crypto/steps.js';
import { SealMQError } from '../../errors.js';
import { isRegistrationId, RELAY_ADDRESS } from '../../protocol/address.js';
import { activeSealKeys } from '../../protocol/identity/account.js';
import type { KeyRecord } from '../../protocol/identity/record.js';
import {
  HAND_IN_NONCE_BYTES,
  type HandIn,
  handInTopic,
  sealHandIn,
  sealUpdate,
  type UpdateContent,
} from '../../protocol/relay/index.js';
import { type Context, seconds } from '../context.js';
import type { MadeHandIn } from './hand-in-entry.js';

/** What is handed in, and for whom. */
export type Handed = Pick<HandIn, 'receivers' | 'family' | 'wake'> & { readonly sealed: Uint8Array };

/**
 * The relay's key record, as the directory vouches for it.
 *
 * @throws `DIRECTORY_NOT_FOUND` where the directory names no relay, other `DIRECTORY_` codes
 */
export async function relayRecord({ keys }: Context): Promise<KeyRecord> {
  const record = keys.cached(RELAY_ADDRESS) ?? (await keys.record(RELAY_ADDRESS));
  if (record) return record;
  throw new SealMQError('DIRECTORY_NOT_FOUND', 'the directory names no relay');
}

/** Asks the directory for the relay's record now; `undefined` when it cannot say. */
export async function refreshRelay({ keys }: Context): Promise<KeyRecord | undefined> {
  return keys.record(RELAY_ADDRESS, { refresh: true }).catch(() => undefined);
}

/** What every statement to the relay says, and the keys that sign and seal it. @throws as {@link relayRecord} */
async function statement(context: Context) {
  const { provider, account } = context;
  const record = await relayRecord(context);
  const issuedAt = seconds(context);
  const nonce = provider.randomBytes(HAND_IN_NONCE_BYTES).slice();
  return {
    told: { relay: record.identity, sender: senderOf(context), issuedAt, nonce },
    keys: { signKey: account.device.signKey, relay: activeSealKeys(record, issuedAt) },
    hash: record.hash,
  };
}

/** Signs a hand-in and seals it to the relay. @throws as {@link relayRecord} */
export async function makeHandIn(context: Context, { sealed, ...handed }: Handed): Promise<MadeHandIn> {
  const { told, keys, hash } = await statement(context);
  const bytes = await run(sealHandIn(context.provider, { ...handed, ...told }, sealed, keys));
  return { nonce: told.nonce, issuedAt: told.issuedAt, relay: hash, bytes };
}

/** Signs an update and seals it to the relay. @throws as {@link relayRecord} */
export async function makeUpdate(
  context: Context,
  content: UpdateContent,
): Promise<Pick<MadeHandIn, 'nonce' | 'bytes'>> {
  const { told, keys } = await statement(context);
  return { nonce: told.nonce, bytes: await run(sealUpdate(context.provider, { ...content, ...told }, keys)) };
}

/** By our name; where the directory has no record of us, by what shows that we are registered. @throws `STATE_NOT_REGISTERED` */
function senderOf({ account, registration }: Context): HandIn['sender'] {
  if (!isRegistrationId(account.address)) return account.address;
  const { shown } = registration;
  if (shown) return { ...shown, record: account.record.bytes };
  throw new SealMQError('STATE_NOT_REGISTERED', 'the relay serves registered addresses: register with a code first');
}

/**
 * Hands in without waiting for the answer: what is repeated in any case until its receiver has it.
 *
 * @throws `TRANSPORT_` codes; as {@link relayRecord}
 */
export async function handOver(context: Context, handed: Handed): Promise<void> {
  const { bytes } = await makeHandIn(context, handed);
  await context.transport.publish(handInTopic(context.topicPrefix), bytes, { qos: 1 });
}
