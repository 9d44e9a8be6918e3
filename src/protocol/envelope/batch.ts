import { type CborValue, decodeCbor, encodeCbor } from '../../bytes/cbor.js';
import { isBytes, isMap } from '../../bytes/fields.js';
import { SealMQError } from '../../errors.js';
import { decodeOwnClaims, encodeOwnClaims, type OwnClaims } from './claims.js';

/** The content type of a sealed message that carries several of the application's. */
export const BATCH_TYPE = 'application/vnd.sealmq.batch+cbor';

/** Most messages of a batch: some bytes must not become objects by the ten thousand. */
export const MAX_BATCH_MESSAGES = 256;

/** Largest batch in bytes: six messages of 16 KiB. Sealed it is still below 128 KiB, the most that some vendors' brokers take. */
export const MAX_BATCH_BYTES = 100 * 1024;

/** One message of a batch. Sender, receiver and times are those of the sealed message that carries it. */
export interface BatchMessage extends OwnClaims {
  readonly payload: Uint8Array;
}

/**
 * The payload of a sealed message of the type {@link BATCH_TYPE}: one CBOR array, claims and payload of each message by turns.
 *
 * @param messages - 2 to 256, in the order in which they were sent
 * @param encode - `encodeBriefly` where it is sealed at once
 * @throws `USAGE_INVALID_ARGUMENT`, `USAGE_PAYLOAD_TOO_LARGE` for more than 100 KiB
 */
export function encodeBatch(messages: readonly BatchMessage[], encode = encodeCbor): Uint8Array {
  if (!isBatchSize(messages.length)) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', `a batch has 2 to ${MAX_BATCH_MESSAGES} messages`);
  }
  if (messages.some(({ contentType }) => contentType === BATCH_TYPE)) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', 'a batch is no part of a batch');
  }
  const batch = encode(messages.flatMap((message): CborValue[] => [encodeOwnClaims(message), message.payload]));
  if (batch.length > MAX_BATCH_BYTES) {
    throw new SealMQError('USAGE_PAYLOAD_TOO_LARGE', `a batch has at most ${MAX_BATCH_BYTES} bytes`);
  }
  return batch;
}

/**
 * The messages of a batch, in the order in which they were sent. Payloads are views into `bytes`.
 *
 * @throws `DECODE_CBOR`, `DECODE_CLAIMS`
 */
export function decodeBatch(bytes: Uint8Array): readonly BatchMessage[] {
  if (bytes.length > MAX_BATCH_BYTES) throw malformed('too large');
  const items = decodeCbor(bytes);
  if (!Array.isArray(items) || items.length % 2 !== 0) throw malformed('not in pairs');
  // One message has one form: alone.
  if (!isBatchSize(items.length / 2)) throw malformed('number of messages');
  const messages: BatchMessage[] = [];
  for (let i = 0; i < items.length; i += 2) messages.push(readMessage(items[i], items[i + 1]));
  return messages;
}

function readMessage(header: unknown, payload: unknown): BatchMessage {
  if (!isMap(header) || !isBytes(payload)) throw malformed('claims and payload');
  const claims = decodeOwnClaims(header);
  if (claims.contentType === BATCH_TYPE) throw malformed('a batch within it');
  return Object.assign(claims, { payload });
}

function isBatchSize(count: number): boolean {
  return count >= 2 && count <= MAX_BATCH_MESSAGES;
}

function malformed(reason: string): SealMQError {
  return new SealMQError('DECODE_CLAIMS', `malformed batch of messages: ${reason}`);
}
