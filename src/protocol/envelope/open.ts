import { present } from '../../bytes/fields.js';
import type { PublicKey } from '../../cose/key.js';
import type { Sign1 } from '../../cose/sign1.js';
import type { CryptoProvider, PrivateKey } from '../../crypto/provider.js';
import { type Awaitable, atOnce, run, type Steps, step } from '../../crypto/steps.js';
import { SealMQError } from '../../errors.js';
import { verify } from '../signed.js';
import { type Claims, decodeClaims } from './claims.js';
import { assertPadded, type Decrypted, decryptContent, readSignedStart } from './decrypt-content.js';
import { MAX_SEALED_BYTES, type ProfiledMessage, parseSealed } from './profile.js';
import type { Family } from './topics.js';

/** How far ahead of directory time a message may be issued, in seconds. */
const MAX_AHEAD = 300;

/** A message that was sealed to me and verified. */
export interface OpenedMessage extends Claims {
  readonly payload: Uint8Array;
  /** Thumbprint (RFC 9679, 32 bytes) of the sender device's signing key. */
  readonly senderKey: Uint8Array;
  /** The sender's device, where the look-up named it. */
  readonly device?: string;
}

/** Why a sender's key is not to be had. Passing reasons that are the directory's (unreachable) throw instead. */
export type SenderRefusal =
  | 'unknown-sender'
  | 'unknown-key'
  | 'retired'
  | 'revoked'
  /** Their new identity key waits for a decision, or was refused. */
  | 'held'
  | 'identity-refused'
  | 'blocked';

/** The signing key that belongs to a sender's `kid`, or why there is none. */
export type SenderKey = { readonly key: PublicKey; readonly device?: string } | { readonly refused: SenderRefusal };

/** Who opens, and what the topic said. */
export interface OpenContext {
  /** My address, from the topic the message came by. */
  readonly address: string;
  /** From the topic as well; default `message`. */
  readonly family?: Family;
  /** My device's sealing keys: the current one and those retired but not yet forgotten. */
  readonly keys: readonly PrivateKey[];
  /** Directory time in seconds. */
  readonly now: number;
  /**
   * Finds the sender's signing key. `from` is syntactically an address but not verified; `kid` is a 32-byte thumbprint,
   * and the answer must be the key with that thumbprint from a verified record that names `from`.
   */
  readonly senderKey: (from: string, kid: Uint8Array, issuedAt: number) => Awaitable<SenderKey>;
  /** Largest sealed message in bytes; default 1.5 MiB. */
  readonly maxSealedBytes?: number;
}

/** What came of opening a message. All but `opened` and a sender or key that is not known yet are final. */
export type OpenOutcome =
  | { readonly kind: 'opened'; readonly message: OpenedMessage }
  /** Does not parse under the profile. */
  | { readonly kind: 'malformed'; readonly error: SealMQError }
  /** Sealed to other devices. */
  | { readonly kind: 'not-for-me' }
  /** Did not decrypt (tampered with, or moved here from another topic), or not signed by the one it names, or signed for another receiver or set of readers. */
  | { readonly kind: 'unverifiable'; readonly error: SealMQError; readonly from?: string }
  | { readonly kind: 'sender-refused'; readonly reason: SenderRefusal; readonly from: string }
  | { readonly kind: 'expired'; readonly message: OpenedMessage }
  | { readonly kind: 'from-the-future'; readonly message: OpenedMessage };

/**
 * Opens a sealed message: parses it, unwraps the key, decrypts, looks up the sender, verifies. What the bytes are is an
 * outcome, never an exception; it throws only what `senderKey` throws, and `USAGE_` errors.
 */
export async function open(provider: CryptoProvider, sealed: Uint8Array, context: OpenContext): Promise<OpenOutcome> {
  return withOwnPayload(await run(openSteps(provider, sealed, context)));
}

/** {@link open} at once, on a synchronous backend and look-up. @throws `USAGE_SYNC_UNAVAILABLE` on the others */
export function openSync(provider: CryptoProvider, sealed: Uint8Array, context: OpenContext): OpenOutcome {
  return withOwnPayload(atOnce(run(openSteps(provider, sealed, context))));
}

function withOwnPayload(outcome: OpenOutcome): OpenOutcome {
  if (!('message' in outcome)) return outcome;
  return { ...outcome, message: { ...outcome.message, payload: outcome.message.payload.slice() } };
}

/** What came of opening, with the encoded COSE_Sign1 where it was `opened`: what the hashes of a handshake are over. */
export interface OpenedAndSigned {
  readonly outcome: OpenOutcome;
  readonly signed?: Uint8Array;
}

/** {@link open} as a program, which answers the signed part as well. */
export function* openSigned(
  provider: CryptoProvider,
  sealed: Uint8Array,
  context: OpenContext,
): Steps<OpenedAndSigned> {
  let encoded: Uint8Array | undefined;
  const outcome = yield* openSteps(provider, sealed, context, (bytes) => {
    encoded = bytes;
  });
  return outcome.kind === 'opened' && encoded ? { outcome, signed: encoded } : { outcome };
}

/** {@link open} as a program. The payload is a view of all that was encrypted: a copy is for whoever hands it on. */
export function* openSteps(
  provider: CryptoProvider,
  sealed: Uint8Array,
  context: OpenContext,
  onSigned?: (encoded: Uint8Array) => void,
): Steps<OpenOutcome> {
  let signed: SignedPart;
  let profiled: ProfiledMessage;
  try {
    profiled = parseSealed(sealed, context.maxSealedBytes ?? MAX_SEALED_BYTES);
    const { address, keys, family = 'message' } = context;
    const content = yield* decryptContent(provider, profiled, { keys, family, audiences: [address, null] });
    if (content === 'not-for-me') return { kind: 'not-for-me' };
    if (content === null) return unverifiable('VERIFY_DECRYPTION');
    signed = parseSigned(content, context.address);
    onSigned?.(content.bytes.subarray(0, signed.end));
  } catch (error) {
    if (error instanceof SealMQError && error.code.startsWith('DECODE_')) return { kind: 'malformed', error };
    throw error;
  }
  return yield* verifySigned(provider, profiled, signed, context);
}

interface SignedPart {
  readonly sign1: Sign1;
  readonly claims: Claims;
  readonly kid: Uint8Array;
  /** Where its encoding ends, in bytes. */
  readonly end: number;
  /** Whether the signed audience is me, in the form that the outer audience announced. */
  readonly forMe: boolean;
}

/** The Sign1 in front of the padding, and its claims. @throws `DECODE_CBOR`, `DECODE_COSE`, `DECODE_CLAIMS` */
function parseSigned({ bytes, audience: outer }: Decrypted, address: string): SignedPart {
  const { sign1, kid, end } = readSignedStart(bytes);
  assertPadded(bytes, end);
  const claims = decodeClaims(sign1.protectedHeader);
  const { audience } = claims;
  const forSeveral = outer === null;
  const forMe =
    typeof audience === 'string' ? !forSeveral && audience === address : forSeveral && audience.includes(address);
  return { sign1, claims, kid, end, forMe };
}

function* verifySigned(
  provider: CryptoProvider,
  { message }: ProfiledMessage,
  { sign1, claims, kid, forMe }: SignedPart,
  { family = 'message', now, senderKey }: OpenContext,
): Steps<OpenOutcome> {
  const { from } = claims;
  // The claims are not verified yet: a signed part that was lifted out of a message to somebody else ends here,
  // before its sender is looked up.
  if (!forMe) return unverifiable('VERIFY_SIGNATURE', from);
  const sender = yield* step(senderKey(from, kid, claims.issuedAt));
  if ('refused' in sender) return { kind: 'sender-refused', reason: sender.refused, from };

  const bound = [family, yield* step(provider.sha256(message.recipientsBytes))];
  try {
    const valid = yield* verify(provider, sender.key, sign1, { purpose: 'message', bound });
    if (!valid) return unverifiable('VERIFY_SIGNATURE', from);
  } catch (error) {
    // A signature algorithm that this backend lacks, or a sender's key that is no point of its curve.
    if (error instanceof SealMQError) return { kind: 'unverifiable', error, from };
    throw error;
  }

  const payload = sign1.payload as Uint8Array;
  const opened: OpenedMessage = Object.assign(claims, present({ payload, senderKey: kid, device: sender.device }));
  if (claims.expiresAt !== undefined && claims.expiresAt <= now) return { kind: 'expired', message: opened };
  if (claims.issuedAt > now + MAX_AHEAD) return { kind: 'from-the-future', message: opened };
  return { kind: 'opened', message: opened };
}

function unverifiable(code: 'VERIFY_DECRYPTION' | 'VERIFY_SIGNATURE', from?: string): OpenOutcome {
  return { kind: 'unverifiable', error: new SealMQError(code), ...(from !== undefined && { from }) };
}
