import { atOnce, nativeProvider, run } from 'sealmq/crypto';
import { type Draft, type OpenContext, openSync, sealSync } from 'sealmq/envelope';
import { activeSealKeys, createAccount } from 'sealmq/identity';

export const provider = nativeProvider();
const now = 1_800_000_000;

const alice = atOnce(run(createAccount(provider, { address: 'alice', now })));
const bob = atOnce(run(createAccount(provider, { address: 'bob', now })));
export const sealKeys = { signKey: alice.device.signKey, recipients: activeSealKeys(bob.record, now) };
const sender = { key: alice.device.signKey.publicKey };
export const openContext: OpenContext = { address: 'bob', keys: [bob.device.sealKey], now, senderKey: () => sender };

/** Length of the key record of somebody with one device, in bytes. */
export const recordLength = alice.record.bytes.length;

/** Alice's message to Bob, as a messenger drafts it, without padding. */
export function sealDraft(payload: Uint8Array): Draft {
  return {
    from: 'alice',
    audience: 'bob',
    issuedAt: now,
    contentType: 'application/octet-stream',
    seq: 1204,
    stream: now * 1000,
    payload,
    padding: false,
  };
}

export function sealed(payload: Uint8Array): Uint8Array {
  return sealSync(provider, sealDraft(payload), sealKeys);
}

/** Opens it again; throws when it does not open. */
export function opened(message: Uint8Array): Uint8Array {
  const outcome = openSync(provider, message, openContext);
  if (outcome.kind !== 'opened') throw new TypeError(outcome.kind);
  return outcome.message.payload;
}
