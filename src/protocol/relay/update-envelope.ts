import type { PublicKey } from '../../cose/key.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import type { Steps } from '../../crypto/steps.js';
import { assertPadded, type SignedStart } from '../envelope/decrypt-content.js';
import {
  type OpenedStatement,
  openAtRelay,
  type RelayKeys,
  relayTopic,
  type SpeakerKeys,
  sealToRelay,
  type Unopened,
  verifyAtRelay,
} from './relay-envelope.js';
import { decodeUpdate, encodeUpdate, type Update } from './update.js';

/** A longer one is no update: in bytes. */
const MAX_UPDATE_BYTES = 1 << 18;

/** Where updates are published. */
export function updateTopic(prefix: string): string {
  return relayTopic(prefix, 'update');
}

/** Signs an update and seals it to the relay. @throws `USAGE_INVALID_ARGUMENT`, `USAGE_TOO_MANY_RECIPIENTS` */
export function sealUpdate(provider: CryptoProvider, update: Update, keys: SpeakerKeys): Steps<Uint8Array> {
  return sealToRelay(provider, 'update', encodeUpdate(update), keys);
}

/** An update that was decrypted; who signed it is not verified yet. */
export type OpenedUpdate = OpenedStatement<Update>;

/** What came of opening an update. */
export type UpdateOutcome = { readonly kind: 'opened'; readonly update: OpenedUpdate } | Unopened;

/** Decrypts an update. What the bytes are is an outcome, never an exception. */
export function* openUpdate(provider: CryptoProvider, bytes: Uint8Array, keys: RelayKeys): Steps<UpdateOutcome> {
  const opened = yield* openAtRelay(provider, 'update', bytes, keys, MAX_UPDATE_BYTES, readPlaintext);
  return opened.kind === 'read' ? { kind: 'opened', update: opened.value } : opened;
}

// biome-ignore lint/correctness/useYield: reading takes no steps
function* readPlaintext(plaintext: Uint8Array, { sign1, kid, payload, end }: SignedStart): Steps<OpenedUpdate> {
  assertPadded(plaintext, end);
  return { content: decodeUpdate(payload), kid, signed: sign1 };
}

/** Whether `key` signed the update. */
export function verifyUpdate(provider: CryptoProvider, key: PublicKey, update: OpenedUpdate): Steps<boolean> {
  return verifyAtRelay(provider, 'update', key, update);
}
