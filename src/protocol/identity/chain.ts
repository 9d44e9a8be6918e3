import { equal } from '../../bytes/bytes.js';
import { encodeCbor } from '../../bytes/cbor.js';
import { toMap } from '../../bytes/fields.js';
import { type PublicKey, publicKeyMap } from '../../cose/key.js';
import { decodeSign1 } from '../../cose/sign1.js';
import type { CryptoProvider, PrivateKey } from '../../crypto/provider.js';
import type { Steps } from '../../crypto/steps.js';
import { sign, verify } from '../signed.js';
import type { KeyRecord } from './record.js';

/** How a record relates to the last one that was seen of the same address. */
export type RecordChange =
  | { readonly kind: 'first' }
  | { readonly kind: 'unchanged' }
  | {
      readonly kind: 'newer';
      /** Profiles and suites that the account no longer claims: never to be passed over in silence. */
      readonly dropped: readonly string[];
    }
  /** Another identity key. `vouched`: the old one signed for it. */
  | { readonly kind: 'identity-changed'; readonly vouched: boolean }
  /** A lower version, or the identity that vouched for the known one: refused. */
  | { readonly kind: 'rollback' }
  /** Two records of one version, or a version that does not follow the last one: refused, both kept as evidence. */
  | { readonly kind: 'conflict' }
  /** A record of another address: refused. */
  | { readonly kind: 'wrong-address' };

/** Compares a verified record with the last accepted one. */
export function* compareRecords(
  provider: CryptoProvider,
  known: KeyRecord | undefined,
  next: KeyRecord,
): Steps<RecordChange> {
  if (!known) return { kind: 'first' };
  if (known.address !== next.address) return { kind: 'wrong-address' };
  if (equal(known.hash, next.hash)) return { kind: 'unchanged' };
  if (!equal(known.identity, next.identity)) {
    // The identity that vouched for the known one is the past, not a change.
    if (yield* isVouched(provider, next, known)) return { kind: 'rollback' };
    // A new identity that nobody vouches for starts a numbering of its own.
    const vouched = next.version > known.version && (yield* isVouched(provider, known, next));
    return { kind: 'identity-changed', vouched };
  }
  if (next.version < known.version) return { kind: 'rollback' };
  const follows = next.previous !== undefined && equal(next.previous, known.hash);
  if (next.version === known.version || (next.version === known.version + 1 && !follows)) return { kind: 'conflict' };
  const claimed = [...next.capabilities.profiles, ...next.capabilities.suites];
  const before = [...known.capabilities.profiles, ...known.capabilities.suites];
  return { kind: 'newer', dropped: before.filter((name) => !claimed.includes(name)) };
}

/** The old identity key's word for a new one, for the field `identityChange`. */
export function vouchForIdentity(
  provider: CryptoProvider,
  oldKey: PrivateKey,
  address: string,
  newKey: PublicKey,
): Steps<Uint8Array> {
  return sign(provider, oldKey, {
    purpose: 'identity-change',
    payload: changePayload(address, newKey),
    detached: true,
  });
}

/** Whether the identity key of `before` signed for that of `after`. */
function* isVouched(provider: CryptoProvider, before: KeyRecord, after: KeyRecord): Steps<boolean> {
  if (!after.identityChange) return false;
  const payload = changePayload(after.address, after.identityKey);
  const change = decodeSign1(after.identityChange);
  if (change.payload !== null) return false;
  return yield* verify(provider, before.identityKey, change, { purpose: 'identity-change' }, payload);
}

function changePayload(address: string, identityKey: PublicKey): Uint8Array {
  return encodeCbor(toMap({ address, identityKey: publicKeyMap(identityKey) }));
}
