import type { CborValue } from '../../bytes/cbor.js';
import { type Check, isArrayOf, isBytesOf, isCounter, isText } from '../../bytes/fields.js';
import type { HeaderMap } from '../../cose/header.js';
import { Claim, Header } from '../../cose/labels.js';
import { SealMQError } from '../../errors.js';
import { isAddress } from '../address.js';
import { decodeContentType, encodeContentType } from './content-type.js';

/** Length of a message id in bytes (CWT claim `cti`). */
export const MESSAGE_ID_BYTES = 16;

/** Length of the key of a state's tag in bytes. */
export const TAG_KEY_BYTES = 32;

/** Most receivers, and so most recipients, of one sealed message. */
export const MAX_RECIPIENTS = 256;

/** Longest name of a channel in UTF-16 code units. */
export const MAX_CHANNEL_LENGTH = 256;
const MAX_CONTENT_TYPE_LENGTH = 128;

/** What the sender's signature says of a message. Times are in seconds. */
export interface Claims {
  /** The sender's address. */
  readonly from: string;
  /** The receiver's address; for one message to several receivers all of theirs, sorted. */
  readonly audience: string | readonly string[];
  readonly issuedAt: number;
  readonly expiresAt?: number;
  /** 16 random bytes. */
  readonly id: Uint8Array;
  /** Media type. */
  readonly contentType?: string;
  /** Sequence number from 1; for several receivers an array in the order of `audience`. */
  readonly seq?: number | readonly number[];
  /** Creation time of the sender's store, in milliseconds: which numbering `seq` belongs to. */
  readonly stream?: number;
  /** The application's own name for what the message belongs to, such as `telemetry/temperature`. */
  readonly channel?: string;
  /** On a copy for the sender's own other devices: to whom the message was; several as in `audience`. */
  readonly to?: string | readonly string[];
  /** Id of the message that this one answers. */
  readonly inReplyTo?: Uint8Array;
  /** Version counter of a will or state. */
  readonly version?: number;
  /** The key of the tag in a state's topic, 32 bytes: see `stateTag`. */
  readonly tagKey?: Uint8Array;
}

const isMessageId = isBytesOf(MESSAGE_ID_BYTES);
const isMediaType = isText(MAX_CONTENT_TYPE_LENGTH);
const isAddresses = isArrayOf(isAddress, MAX_RECIPIENTS);
const isSeq = (value: unknown): value is number => isCounter(value) && value >= 1;
const isSeqs = isArrayOf(isSeq, MAX_RECIPIENTS);

/** One address, or a set of them: sorted and without repetition, so that there is one way to write it. */
const isAudience: Check<Claims['audience']> = (value): value is Claims['audience'] =>
  isAddress(value) ||
  (isAddresses(value) && value.length > 0 && value.every((next, i) => i === 0 || (value[i - 1] ?? '') < next));

/** How one claim stands in the protected header. */
interface ClaimField {
  readonly name: keyof Claims;
  /** Among the CWT claims, rather than a header parameter of its own. */
  readonly cwt?: true;
  readonly label: number;
  readonly required?: true;
  /** Whether a value in the header is acceptable, given the audience. */
  readonly is: (value: unknown, audience: unknown) => boolean;
  /** The value in the header, and back, where it is another than the claim. */
  readonly encode?: (value: string) => CborValue;
  readonly decode?: (value: never) => string;
}

/**
 * All claims, each with its one check for both directions, in the order of the encoding. `audience` stands before `seq`,
 * which depends on it.
 */
const FIELDS: readonly ClaimField[] = [
  { name: 'from', cwt: true, label: Claim.iss, required: true, is: isAddress },
  { name: 'audience', cwt: true, label: Claim.aud, required: true, is: isAudience },
  { name: 'expiresAt', cwt: true, label: Claim.exp, is: isCounter },
  { name: 'issuedAt', cwt: true, label: Claim.iat, required: true, is: isCounter },
  { name: 'id', cwt: true, label: Claim.cti, required: true, is: isMessageId },
  {
    name: 'contentType',
    label: Header.contentType,
    is: (value) => isCounter(value) || isMediaType(value),
    encode: encodeContentType,
    decode: decodeContentType,
  },
  {
    name: 'seq',
    label: Header.seq,
    is: (value, audience) =>
      Array.isArray(audience) ? isSeqs(value) && value.length === audience.length : isSeq(value),
  },
  { name: 'channel', label: Header.channel, is: isText(MAX_CHANNEL_LENGTH) },
  { name: 'stream', label: Header.stream, is: isCounter },
  { name: 'to', label: Header.to, is: isAudience },
  { name: 'inReplyTo', label: Header.inReplyTo, is: isMessageId },
  { name: 'version', label: Header.version, is: isCounter },
  { name: 'tagKey', label: Header.tagKey, is: isBytesOf(TAG_KEY_BYTES) },
];

/** What each message of a batch says for itself; the rest is said once, of all. */
export type OwnClaims = Pick<Claims, 'id' | 'contentType' | 'channel' | 'inReplyTo'>;

const OWN_NAMES: readonly (keyof Claims)[] = [
  'id',
  'contentType',
  'channel',
  'inReplyTo',
] satisfies (keyof OwnClaims)[];
const OWN_FIELDS = FIELDS.filter(({ name }) => OWN_NAMES.includes(name));

/**
 * The protected header parameters that carry `claims`.
 *
 * @throws {@link SealMQError} `USAGE_INVALID_ARGUMENT` for what {@link decodeClaims} would refuse at the other end
 */
export function encodeClaims(claims: Claims): HeaderMap {
  return encodeFields(FIELDS, claims);
}

/** As {@link encodeClaims}, the claims of one message of a batch. @throws `USAGE_INVALID_ARGUMENT` */
export function encodeOwnClaims(claims: OwnClaims): HeaderMap {
  return encodeFields(OWN_FIELDS, claims);
}

/** Whether {@link encodeOwnClaims} would take them. @throws `USAGE_INVALID_ARGUMENT` */
export function assertOwnClaims(claims: OwnClaims): void {
  for (const field of OWN_FIELDS) encodeField(field, claims);
}

function encodeFields(fields: readonly ClaimField[], claims: Partial<Claims>): HeaderMap {
  const cwt = new Map<number, CborValue>();
  const header = new Map<number, CborValue>([[Header.cwtClaims, cwt]]);
  for (const field of fields) {
    const value = encodeField(field, claims);
    if (value !== undefined) (field.cwt ? cwt : header).set(field.label, value);
  }
  return header;
}

/** The value of a claim in the header, if there is that claim. @throws `USAGE_INVALID_ARGUMENT` */
function encodeField(field: ClaimField, claims: Partial<Claims>): CborValue | undefined {
  const claim = claims[field.name];
  if (claim === undefined && !field.required) return undefined;
  const value = field.encode && typeof claim === 'string' ? field.encode(claim) : (claim as CborValue);
  if (!field.is(value, claims.audience)) throw malformed('USAGE_INVALID_ARGUMENT', field);
  return value;
}

/**
 * Reads the claims out of a protected header, checking every type and size; unknown parameters are ignored.
 *
 * @throws {@link SealMQError} `DECODE_CLAIMS`
 */
export function decodeClaims(header: HeaderMap): Claims {
  return decodeFields(FIELDS, header) as Claims;
}

/** As {@link decodeClaims}, the claims of one message of a batch. @throws `DECODE_CLAIMS` */
export function decodeOwnClaims(header: HeaderMap): OwnClaims {
  return decodeFields(OWN_FIELDS, header) as OwnClaims;
}

function decodeFields(fields: readonly ClaimField[], header: HeaderMap): Partial<Record<keyof Claims, unknown>> {
  const cwt = header instanceof Map ? header.get(Header.cwtClaims) : undefined;
  if (!(cwt instanceof Map)) throw new SealMQError('DECODE_CLAIMS', 'malformed message claims: no CWT claims');
  const claims: Partial<Record<keyof Claims, unknown>> = {};
  for (const field of fields) {
    const value = (field.cwt ? cwt : header).get(field.label);
    if (value === undefined && !field.required) continue;
    if (!field.is(value, claims.audience)) throw malformed('DECODE_CLAIMS', field);
    claims[field.name] = field.decode ? field.decode(value as never) : value;
  }
  return claims;
}

function malformed(code: 'USAGE_INVALID_ARGUMENT' | 'DECODE_CLAIMS', { name }: ClaimField): SealMQError {
  return new SealMQError(code, `malformed message claims: ${name}`);
}
