import type { CborValue } from '../../bytes/cbor.js';
import { type Check, isArrayOf, isBytesOf, isCounter, isText, present, readFields } from '../../bytes/fields.js';
import type { HeaderMap } from '../../cose/header.js';
import { Claim, Header } from '../../cose/labels.js';
import { SealMQError } from '../../errors.js';
import { isAddress } from '../address.js';
import { decodeContentType, encodeContentType } from './content-type.js';

/** Length of a message id in bytes (CWT claim `cti`). */
export const MESSAGE_ID_BYTES = 16;

/** Most receivers, and so most recipients, of one sealed message. */
export const MAX_RECIPIENTS = 256;

const MAX_CHANNEL_LENGTH = 256;
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
  /** On a copy for the sender's own other devices: to whom the message was. */
  readonly to?: string;
  /** Id of the message that this one answers. */
  readonly inReplyTo?: Uint8Array;
  /** Version counter of a will or state. */
  readonly version?: number;
}

/**
 * The protected header parameters that carry `claims`.
 *
 * @throws {@link SealMQError} `USAGE_INVALID_ARGUMENT` for what {@link decodeClaims} would refuse at the other end
 */
export function encodeClaims(claims: Claims): HeaderMap {
  const cwt = new Map<number, CborValue>([
    [Claim.iss, claims.from],
    [Claim.aud, claims.audience],
    [Claim.iat, claims.issuedAt],
    [Claim.cti, claims.id],
  ]);
  if (claims.expiresAt !== undefined) cwt.set(Claim.exp, claims.expiresAt);
  const header = new Map<number, CborValue>([[Header.cwtClaims, cwt]]);
  if (claims.contentType !== undefined) header.set(Header.contentType, encodeContentType(claims.contentType));
  const optional: [number, CborValue | undefined][] = [
    [Header.seq, claims.seq],
    [Header.channel, claims.channel],
    [Header.stream, claims.stream],
    [Header.to, claims.to],
    [Header.inReplyTo, claims.inReplyTo],
    [Header.version, claims.version],
  ];
  for (const [label, value] of optional) if (value !== undefined) header.set(label, value);
  try {
    decodeClaims(header);
  } catch (cause) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', (cause as Error).message, cause);
  }
  return header;
}

/**
 * Reads the claims out of a protected header, checking every type and size; unknown parameters are ignored.
 *
 * @throws {@link SealMQError} `DECODE_CLAIMS`
 */
export function decodeClaims(header: HeaderMap): Claims {
  const outer = readFields(header, 'DECODE_CLAIMS', 'message claims');
  const cwt = readFields(header.get(Header.cwtClaims), 'DECODE_CLAIMS', 'CWT claims');
  const audience = cwt.required(Claim.aud, isAudience);
  const contentType = outer.optional(Header.contentType, isContentType);
  return present({
    from: cwt.required(Claim.iss, isAddress),
    audience,
    issuedAt: cwt.required(Claim.iat, isCounter),
    id: cwt.required(Claim.cti, isMessageId),
    expiresAt: cwt.optional(Claim.exp, isCounter),
    contentType: contentType === undefined ? undefined : decodeContentType(contentType),
    seq: outer.optional(Header.seq, isSeqFor(audience)),
    channel: outer.optional(Header.channel, isText(MAX_CHANNEL_LENGTH)),
    stream: outer.optional(Header.stream, isCounter),
    to: outer.optional(Header.to, isAddress),
    inReplyTo: outer.optional(Header.inReplyTo, isMessageId),
    version: outer.optional(Header.version, isCounter),
  });
}

const isMessageId = isBytesOf(MESSAGE_ID_BYTES);
const isMediaType = isText(MAX_CONTENT_TYPE_LENGTH);

const isContentType = (value: unknown): value is number | string => isCounter(value) || isMediaType(value);

/** One address, or a set of them: sorted and without repetition, so that there is one way to write it. */
const isAudience = (value: unknown): value is Claims['audience'] =>
  isAddress(value) ||
  (isAddresses(value) && value.length > 0 && value.every((next, i) => i === 0 || (value[i - 1] ?? '') < next));

const isAddresses = isArrayOf(isAddress, MAX_RECIPIENTS);

const isSeq = (value: unknown): value is number => isCounter(value) && value >= 1;

function isSeqFor(audience: Claims['audience']): Check<number | readonly number[]> {
  if (typeof audience === 'string') return isSeq;
  const isSeqs = isArrayOf(isSeq, MAX_RECIPIENTS);
  return (value): value is readonly number[] => isSeqs(value) && value.length === audience.length;
}
