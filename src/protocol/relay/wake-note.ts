import { decodeCbor, encodeCbor } from '../../bytes/cbor.js';
import { type Check, isBytes, present, readFields, toMap } from '../../bytes/fields.js';
import { SealMQError } from '../../errors.js';
import { MAX_SEALED_BYTES } from '../envelope/index.js';

/** Largest content of a push in bytes (RFC 8291 §4: 4,096 less header, tag and delimiter). */
export const MAX_PUSH_BYTES = 3993;

/** Largest note in bytes: what one messenger of a device hands over to another one has room for every dial. */
export const MAX_NOTE_BYTES = MAX_SEALED_BYTES + 32;

/** What a push says: somebody calls. */
export interface WakeNote {
  readonly type: 'call';
  /** The sealed message that the dial is in; without it, it waits at the broker. */
  readonly dial?: Uint8Array;
}

const isCall: Check<'call'> = (value): value is 'call' => value === 'call';

/** The note with the dial in it, where that fits into `room` bytes; else it only says that there is one. */
export function encodeWakeNote(dial?: Uint8Array, room: number = MAX_PUSH_BYTES): Uint8Array {
  const note = encodeCbor(toMap({ type: 'call', dial }));
  return note.length <= room ? note : encodeCbor(toMap({ type: 'call' }));
}

/** Reads what a push brought, or another messenger of this device has handed over. @throws {@link SealMQError} `DECODE_TOO_LARGE`, `DECODE_CBOR`, `DECODE_CLAIMS` */
export function decodeWakeNote(bytes: Uint8Array): WakeNote {
  if (bytes.length > MAX_NOTE_BYTES) throw new SealMQError('DECODE_TOO_LARGE', `push of ${bytes.length} bytes`);
  const fields = readFields(decodeCbor(bytes), 'DECODE_CLAIMS', 'push');
  return present({ type: fields.required('type', isCall), dial: fields.optional('dial', isBytes) });
}
