import { toBase64url } from '../bytes/base64url.js';
import { fromUtf8, utf8 } from '../bytes/bytes.js';
import { SealMQError } from '../errors.js';

/** What can be sent: text, bytes, or any JSON value wrapped as `{ json: … }`. */
export type Payload = string | Uint8Array | { readonly json: unknown };

/** Bytes and media type of a payload. @throws `USAGE_INVALID_ARGUMENT` */
export function encodePayload(payload: Payload): { bytes: Uint8Array; contentType: string } {
  if (typeof payload === 'string') return { bytes: utf8(payload), contentType: 'text/plain;charset=utf-8' };
  if (payload instanceof Uint8Array) return { bytes: payload, contentType: 'application/octet-stream' };
  const text = typeof payload === 'object' && payload !== null ? JSON.stringify(payload.json) : undefined;
  if (text === undefined) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', 'a payload is a string, a Uint8Array or { json: a JSON value }');
  }
  return { bytes: utf8(text), contentType: 'application/json' };
}

/** The fields of a {@link Message}. */
export interface MessageFields {
  readonly messageId: Uint8Array;
  readonly from: string;
  readonly device: string;
  readonly bytes: Uint8Array;
  readonly issuedAt: number;
  readonly expiresAt?: number;
  readonly contentType?: string;
  readonly channel?: string;
  readonly seq?: number;
  readonly inReplyTo?: Uint8Array;
}

/** A message that was sealed for this device and whose sender is verified. */
export class Message {
  /** Stable across redeliveries: use it to make a handler idempotent. */
  readonly id: string;
  /** The verified sender's address. */
  readonly from: string;
  /** The sender's device. */
  readonly device: string;
  readonly bytes: Uint8Array;
  /** When the sender says it was sent. */
  readonly sentAt: Date;
  readonly expiresAt: Date | undefined;
  /** Media type. */
  readonly contentType: string | undefined;
  readonly channel: string | undefined;
  /** The sender device's running number of messages to this address. */
  readonly seq: number | undefined;
  /** Id of the message that this one answers. */
  readonly inReplyTo: string | undefined;

  constructor(fields: MessageFields) {
    this.id = toBase64url(fields.messageId);
    this.from = fields.from;
    this.device = fields.device;
    this.bytes = fields.bytes;
    this.sentAt = new Date(fields.issuedAt * 1000);
    this.expiresAt = fields.expiresAt === undefined ? undefined : new Date(fields.expiresAt * 1000);
    this.contentType = fields.contentType;
    this.channel = fields.channel;
    this.seq = fields.seq;
    this.inReplyTo = fields.inReplyTo && toBase64url(fields.inReplyTo);
  }

  /** The payload as text. @throws TypeError when it is not UTF-8 */
  get text(): string {
    return fromUtf8(this.bytes);
  }

  /** The payload as a JSON value; check it before you trust its shape. @throws SyntaxError, TypeError */
  json(): unknown {
    return JSON.parse(this.text);
  }
}
