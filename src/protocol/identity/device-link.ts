import { fromBase64url, toBase64url } from '../../bytes/base64url.js';
import { type CborMap, decodeCbor, encodeCbor } from '../../bytes/cbor.js';
import { isBytes, isBytesOf, isMap, present, readFields, toMap } from '../../bytes/fields.js';
import type { PublicKey } from '../../cose/key.js';
import { decodeSign1 } from '../../cose/sign1.js';
import type { CryptoProvider, PrivateKey } from '../../crypto/provider.js';
import { type Steps, step } from '../../crypto/steps.js';
import { SealMQError } from '../../errors.js';
import { isAddress } from '../address.js';
import { sign, verify } from '../signed.js';
import { type DeviceEntry, deviceMap, readDevice } from './device.js';

/** What a link begins with; unpadded base64url follows. */
export const LINK_PREFIX = 'sealmq:link/';

/** How long a link may be answered, in seconds (ten minutes). */
export const LINK_LIFETIME = 600;

/** Largest link in bytes, before base64url. */
const MAX_LINK_BYTES = 4096;

/** Bytes of the secret and of a nonce. */
const SECRET_BYTES = 32;

/** What a link says: as little as there must be, since it is shown as a QR code. */
export interface LinkContent {
  readonly address: string;
  /**
   * 32 bytes that nobody can guess, so that only who has seen the link can answer it: SHA-256 of the random nonce that the new
   * device reveals then, to which it is committed thereby.
   */
  readonly secret: Uint8Array;
  /** The entry that the device asks for, with its proof. The link is as old as its `notBefore`. */
  readonly device: DeviceEntry;
}

/** What a new device shows to the one that holds the identity key, as {@link linkText} or its QR code. */
export interface DeviceLink extends LinkContent {
  /** The deterministic CBOR as it was shown. */
  readonly bytes: Uint8Array;
}

const isSecret = isBytesOf(SECRET_BYTES);

/** Until when a link may be answered, in seconds. */
export function expiryOf({ device }: LinkContent): number {
  return device.notBefore + LINK_LIFETIME;
}

/** A link that says `content`. */
export function makeLink(content: LinkContent): DeviceLink {
  return { ...content, bytes: encodeCbor(toMap({ ...content, device: deviceMap(content.device) })) };
}

/** The text of a link, for {@link parseLink}. */
export function linkText({ bytes }: DeviceLink): string {
  return LINK_PREFIX + toBase64url(bytes);
}

/**
 * Reads a link. Whether its device proves its keys is for `offerLink` to say.
 *
 * @throws {@link SealMQError} `DECODE_LINK` for what is none, `DECODE_TOO_LARGE`
 */
export function parseLink(text: string): DeviceLink {
  const link = text.trim();
  if (!link.startsWith(LINK_PREFIX)) throw new SealMQError('DECODE_LINK', `a link begins with ${LINK_PREFIX}`);
  if (link.length > LINK_PREFIX.length + 2 * MAX_LINK_BYTES) throw new SealMQError('DECODE_TOO_LARGE', 'device link');
  try {
    return readLink(fromBase64url(link.slice(LINK_PREFIX.length)));
  } catch (cause) {
    throw new SealMQError('DECODE_LINK', 'the link is damaged or cut off', cause);
  }
}

function readLink(bytes: Uint8Array): DeviceLink {
  const fields = readFields(decodeCbor(bytes), 'DECODE_LINK', 'device link');
  return {
    bytes,
    address: fields.required('address', isAddress),
    secret: fields.required('secret', isSecret),
    device: readDevice(fields.required('device', isMap)),
  };
}

/** What the two devices say to each other, each a signature with purpose `device-link` that is bound to the link's hash. */
export type LinkStatement =
  /** The identity key's answer to a link: its nonce, and the record as it stands. */
  | { readonly step: 'offer'; readonly nonce: Uint8Array; readonly record: Uint8Array }
  /** The new device opens its commitment. */
  | { readonly step: 'reveal'; readonly nonce: Uint8Array }
  /** The record that has the new device in it, and what else it was given. */
  | { readonly step: 'welcome'; readonly record: Uint8Array; readonly shared?: Uint8Array };

type Step = LinkStatement['step'];
type StatementOf<S extends Step> = Extract<LinkStatement, { step: S }>;

const READERS: { readonly [S in Step]: (map: CborMap) => StatementOf<S> } = {
  offer: (map) => {
    const fields = readFields(map, 'DECODE_LINK', 'link offer');
    return { step: 'offer', nonce: fields.required('nonce', isSecret), record: fields.required('record', isBytes) };
  },
  reveal: (map) => ({
    step: 'reveal',
    nonce: readFields(map, 'DECODE_LINK', 'link reveal').required('nonce', isSecret),
  }),
  welcome: (map) => {
    const fields = readFields(map, 'DECODE_LINK', 'link welcome');
    const [record, shared] = [fields.required('record', isBytes), fields.optional('shared', isBytes)];
    return present({ step: 'welcome' as const, record, shared });
  },
};

/** Reads a statement, its signature unverified. @throws `DECODE_CBOR`, `DECODE_COSE`, `DECODE_LINK` */
export function readLinkStatement(bytes: Uint8Array): LinkStatement {
  const { payload } = decodeSign1(bytes);
  if (payload === null) throw new SealMQError('DECODE_LINK', 'a link statement without payload');
  const map = decodeCbor(payload);
  const name = map instanceof Map ? map.get('step') : undefined;
  if (!isMap(map) || typeof name !== 'string' || !Object.hasOwn(READERS, name)) {
    throw new SealMQError('DECODE_LINK', 'malformed link statement: step');
  }
  return READERS[name as Step](map);
}

/** Signs a statement about the link with the SHA-256 `hash`. */
export function signLinkStatement(
  provider: CryptoProvider,
  key: PrivateKey,
  hash: Uint8Array,
  statement: LinkStatement,
): Steps<Uint8Array> {
  return sign(provider, key, { purpose: 'device-link', bound: [hash], payload: encodeCbor(toMap({ ...statement })) });
}

/**
 * Whether `bytes`, read by {@link readLinkStatement}, is `key`'s statement about the link with the SHA-256 `hash`: only who
 * has the whole link, secret included, can have made it.
 */
export function verifyLinkStatement(
  provider: CryptoProvider,
  key: PublicKey,
  hash: Uint8Array,
  bytes: Uint8Array,
): Steps<boolean> {
  return verify(provider, key, decodeSign1(bytes), { purpose: 'device-link', bound: [hash] });
}

/** What the digits are made of. */
export interface DigitsInput {
  /** SHA-256 of the link. */
  readonly hash: Uint8Array;
  /** Thumbprint of the identity key. */
  readonly identity: Uint8Array;
  readonly offerNonce: Uint8Array;
  readonly revealNonce: Uint8Array;
}

/**
 * The six digits that both devices show. Each side contributes a nonce, and neither can choose its own knowing the other's:
 * the new device has committed to its nonce in the link, the other names its own before that one is opened. So whoever swaps
 * the link, or stands in for either side, gets the same digits on both with a probability of one in a million, whatever is
 * computed beforehand.
 */
export function* linkDigits(provider: CryptoProvider, input: DigitsInput): Steps<string> {
  const { hash, identity, offerNonce, revealNonce } = input;
  const bytes = encodeCbor(['sealmq/1 link digits', hash, identity, offerNonce, revealNonce]);
  const digest = yield* step(provider.sha256(bytes));
  const number = digest.subarray(0, 5).reduce((sum, byte) => sum * 256 + byte, 0) % 1_000_000;
  return String(number).padStart(6, '0');
}
