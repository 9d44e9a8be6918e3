import { toBase64url } from '../bytes/base64url.js';
import { fromUtf8, utf8 } from '../bytes/bytes.js';
import { SealMQError } from '../errors.js';

/** A JSON value (RFC 8259). */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue | undefined };

/** What can be sent: a string goes as text, a `Uint8Array` as bytes, every other value as JSON. */
export type Payload = Uint8Array | JsonValue;

/** Bytes and media type of a payload; they are a copy, since the application's may change while it waits to be sealed. @throws `USAGE_INVALID_ARGUMENT` for what is none of the three */
export function encodePayload(payload: Payload): { bytes: Uint8Array; contentType: string } {
  if (typeof payload === 'string') return { bytes: utf8(payload), contentType: 'text/plain;charset=utf-8' };
  if (payload instanceof Uint8Array) return { bytes: new Uint8Array(payload), contentType: 'application/octet-stream' };
  return { bytes: utf8(toJson(payload)), contentType: 'application/json' };
}

function toJson(payload: JsonValue): string {
  // Other views of memory would silently become {}.
  if (!(payload instanceof ArrayBuffer) && !ArrayBuffer.isView(payload)) {
    try {
      const text: string | undefined = JSON.stringify(payload);
      if (text !== undefined) return text;
    } catch (cause) {
      throw new SealMQError('USAGE_INVALID_ARGUMENT', 'the payload cannot be written as JSON', cause);
    }
  }
  throw new SealMQError('USAGE_INVALID_ARGUMENT', 'a payload is a string, a Uint8Array or a JSON value');
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
  readonly to?: string | readonly string[];
  readonly receivers?: readonly string[];
  /** Default `message`. */
  readonly family?: MessageFamily;
}

/**
 * What a message is: one that somebody sent; a will, which the broker publishes when its sender's connection ends without a
 * farewell, sealed when that connection began; or the present state of a channel.
 */
export type MessageFamily = 'message' | 'will' | 'state';

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
  /** The sender device's running number of sealed messages to this address: those that travelled together share one. */
  readonly seq: number | undefined;
  /** Id of the message that this one answers. */
  readonly inReplyTo: string | undefined;
  /** On a {@link Message.copy}: to whom another device of ours has sent it; a list where it was to several. */
  readonly to: string | readonly string[] | undefined;
  /** Everybody it was to, us among them, where that were several. */
  readonly receivers: readonly string[] | undefined;
  readonly family: MessageFamily;

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
    this.to = fields.to;
    this.receivers = fields.receivers;
    this.family = fields.family ?? 'message';
  }

  /** Not incoming mail, but a copy of what another device of our own account has sent: `from` is our own address. */
  get copy(): boolean {
    return this.to !== undefined;
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
