import { encodePublicKey, type PublicKey } from '../../cose/key.js';
import type { PrivateKey } from '../../crypto/provider.js';
import type { OpenContext, SealKeys } from '../../protocol/envelope/index.js';
import { gather } from './gather.js';
import { type OpenBatch, type OpenJob, oncePer, type SealBatch, type SealJob } from './jobs.js';

/** The id of a private key in the worker that the batch goes to. */
type KeyId = (key: PrivateKey) => number;

/** A message to a worker, and the buffer that is transferred with it. */
type Transferred<Batch> = readonly [Batch, ArrayBuffer];

const encodedKeys = new WeakMap<PublicKey, Uint8Array>();

/** The encoded COSE_Key: the same object for the same key, so that it goes once in a message. */
export function encoded(key: PublicKey): Uint8Array {
  const known = encodedKeys.get(key);
  if (known) return known;
  const fresh = encodePublicKey(key);
  encodedKeys.set(key, fresh);
  return fresh;
}

export function sealBatch(jobs: readonly SealJob[], keyId: KeyId): Transferred<SealBatch> {
  const wireKeys = oncePer(({ signKey, recipients }: SealKeys) => ({
    signKey: keyId(signKey),
    recipients: recipients.map(encoded),
  }));
  const { values, buffer } = gather(jobs.map(({ draft }) => draft));
  return [
    { kind: 'seal', ns: jobs.map(numberOf), drafts: values, keys: jobs.map(({ keys }) => wireKeys(keys)) },
    buffer,
  ];
}

export function openBatch(jobs: readonly OpenJob[], keyId: KeyId): Transferred<OpenBatch> {
  const wireContext = oncePer(({ keys, senderKey, ...context }: OpenContext) => ({
    ...context,
    keys: keys.map(keyId),
  }));
  const { values, buffer } = gather(jobs.map(({ bytes }) => bytes));
  const contexts = jobs.map(({ context }) => wireContext(context));
  return [{ kind: 'open', ns: jobs.map(numberOf), sealed: values, contexts }, buffer];
}

const numberOf = ({ n }: { readonly n: number }): number => n;
