import { fromBase64url, toBase64url } from '../../bytes/base64url.js';
import { decodeCbor, encodeCbor } from '../../bytes/cbor.js';
import { type Check, isBytes, present, readFields, toMap } from '../../bytes/fields.js';
import { SealMQError } from '../../errors.js';
import { MAX_SEALED_BYTES } from '../envelope/index.js';

/** Largest content of a push in bytes (RFC 8291 §4: 4,096 less header, tag and delimiter). */
export const MAX_PUSH_BYTES = 3993;

/** Longest note in characters: what one messenger of a device hands over to another one has room for every dial. */
export const MAX_NOTE_LENGTH = 2 * MAX_SEALED_BYTES;

/** What a push says: somebody calls. */
export interface WakeNote {
  readonly type: 'call';
  /** The sealed message that the dial is in; without it, it waits at the broker. */
  readonly dial?: Uint8Array;
}

const isCall: Check<'call'> = (value): value is 'call' => value === 'call';

/**
 * The note with the dial in it, where that fits into `room` characters; else it only says that there is one. It is text, base64url
 * of CBOR: Chromium hands a push on without its content where that is not UTF-8.
 */
export function encodeWakeNote(dial?: Uint8Array, room: number = MAX_PUSH_BYTES): string {
  const note = toBase64url(encodeCbor(toMap({ type: 'call', dial })));
  return note.length <= room ? note : toBase64url(encodeCbor(toMap({ type: 'call' })));
}

/**
 * Reads what a push brought, or another messenger of this device has handed over.
 *
 * @throws {@link SealMQError} `DECODE_TOO_LARGE`, `DECODE_CBOR`, `DECODE_CLAIMS`
 */
export function decodeWakeNote(text: string): WakeNote {
  if (text.length > MAX_NOTE_LENGTH) throw new SealMQError('DECODE_TOO_LARGE', `push of ${text.length} characters`);
  const fields = readFields(decodeCbor(bytesOf(text)), 'DECODE_CLAIMS', 'push');
  return present({ type: fields.required('type', isCall), dial: fields.optional('dial', isBytes) });
}

function bytesOf(text: string): Uint8Array {
  try {
    return fromBase64url(text);
  } catch (cause) {
    throw new SealMQError('DECODE_CBOR', 'a push is base64url of CBOR', cause);
  }
}
