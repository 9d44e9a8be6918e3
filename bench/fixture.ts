import { atOnce, nativeProvider, run } from 'sealmq/crypto';
import { type OpenContext, openSync, sealSync } from 'sealmq/envelope';
import { activeSealKeys, createAccount } from 'sealmq/identity';

export const provider = nativeProvider();
const now = 1_800_000_000;

const alice = atOnce(run(createAccount(provider, { address: 'alice', now })));
const bob = atOnce(run(createAccount(provider, { address: 'bob', now })));
const keys = { signKey: alice.device.signKey, recipients: activeSealKeys(bob.record, now) };
const sender = { key: alice.device.signKey.publicKey };
const context: OpenContext = { address: 'bob', keys: [bob.device.sealKey], now, senderKey: () => sender };

/** Alice's message to Bob, as a messenger seals it, without padding. */
export function sealed(payload: Uint8Array): Uint8Array {
  return sealSync(
    provider,
    {
      from: 'alice',
      audience: 'bob',
      issuedAt: now,
      contentType: 'application/octet-stream',
      seq: 1204,
      stream: now * 1000,
      payload,
      padding: false,
    },
    keys,
  );
}

/** Opens it again; throws when it does not open. */
export function opened(message: Uint8Array): Uint8Array {
  const outcome = openSync(provider, message, context);
  if (outcome.kind !== 'opened') throw new TypeError(outcome.kind);
  return outcome.message.payload;
}
