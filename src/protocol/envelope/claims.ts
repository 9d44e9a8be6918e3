import type { CborMap, CborValue } from '../../bytes/cbor.js';
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
  const cwt = header.get(Header.cwtClaims);
  if (!(cwt instanceof Map)) throw invalid('no CWT claims');
  const audience = readAudience((cwt as CborMap).get(Claim.aud));
  const contentType = optional(header.get(Header.contentType), 'content type', isContentType);
  const claims = {
    from: required(cwt.get(Claim.iss), 'iss', isAddress),
    audience,
    issuedAt: required(cwt.get(Claim.iat), 'iat', isCounter),
    id: required(cwt.get(Claim.cti), 'cti', isMessageId),
    expiresAt: optional(cwt.get(Claim.exp), 'exp', isCounter),
    contentType: contentType === undefined ? undefined : decodeContentType(contentType),
    seq: readSeq(header.get(Header.seq), audience),
    channel: optional(header.get(Header.channel), 'channel', isChannel),
    stream: optional(header.get(Header.stream), 'stream', isCounter),
    to: optional(header.get(Header.to), 'to', isAddress),
    inReplyTo: optional(header.get(Header.inReplyTo), 'inReplyTo', isMessageId),
    version: optional(header.get(Header.version), 'version', isCounter),
  };
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined)) as unknown as Claims;
}

function readAudience(value: CborValue | undefined): string | readonly string[] {
  if (isAddress(value)) return value;
  if (!Array.isArray(value) || value.length < 1 || value.length > MAX_RECIPIENTS) throw invalid('aud');
  const addresses = value as readonly CborValue[];
  // Sorted and without repetition, so that there is one way to write a set.
  if (!addresses.every((address, i) => isAddress(address) && (i === 0 || (addresses[i - 1] as string) < address))) {
    throw invalid('aud');
  }
  return addresses as readonly string[];
}

function readSeq(value: CborValue | undefined, audience: Claims['audience']): Claims['seq'] {
  if (value === undefined) return undefined;
  if (typeof audience === 'string') return required(value, 'seq', isSeq);
  if (!Array.isArray(value) || value.length !== audience.length || !value.every(isSeq)) throw invalid('seq');
  return value as readonly number[];
}

function required<T extends CborValue>(
  value: CborValue | undefined,
  name: string,
  is: (value: unknown) => value is T,
): T {
  if (!is(value)) throw invalid(name);
  return value;
}

function optional<T extends CborValue>(
  value: CborValue | undefined,
  name: string,
  is: (value: unknown) => value is T,
): T | undefined {
  return value === undefined ? undefined : required(value, name, is);
}

function isCounter(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isSeq(value: unknown): value is number {
  return isCounter(value) && value >= 1;
}

function isMessageId(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.length === MESSAGE_ID_BYTES;
}

function isChannel(value: unknown): value is string {
  return typeof value === 'string' && value.length >= 1 && value.length <= MAX_CHANNEL_LENGTH;
}

function isContentType(value: unknown): value is number | string {
  return (
    isCounter(value) || (typeof value === 'string' && value.length >= 1 && value.length <= MAX_CONTENT_TYPE_LENGTH)
  );
}

function invalid(name: string): SealMQError {
  return new SealMQError('DECODE_CLAIMS', `malformed message claims: ${name}`);
}
