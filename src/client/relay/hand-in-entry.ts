import type { CborMap } from '../../bytes/cbor.js';
import {
  isArrayOf,
  isBytes,
  isBytesOf,
  isCounter,
  isMap,
  isText,
  present,
  readFields,
  toMap,
} from '../../bytes/fields.js';
import { MESSAGE_ID_BYTES } from '../../protocol/envelope/claims.js';
import { HAND_IN_NONCE_BYTES } from '../../protocol/relay/index.js';
import { codec } from '../entries.js';

/** One of those whom a message is handed in for. */
export interface HandInReceiver {
  readonly to: string;
  readonly seq: number;
  /** Devices whose receipts are waited for; none where no receipts are wanted. */
  readonly devices: readonly string[];
}

/** A hand-in as it was made: it goes out again in the same bytes until it is answered. */
export interface MadeHandIn {
  readonly nonce: Uint8Array;
  readonly issuedAt: number;
  /** SHA-256 of the relay's key record. */
  readonly relay: Uint8Array;
  readonly bytes: Uint8Array;
}

/** A sealed message on its way to the relay. */
export interface HandInEntry {
  readonly id: Uint8Array;
  readonly stream: number;
  readonly receivers: readonly HandInReceiver[];
  readonly sealed: Uint8Array;
  /** Seconds. */
  readonly expiresAt?: number;
  /** None before it goes out for the first time. */
  readonly made?: MadeHandIn;
}

const isMaps = isArrayOf(isMap, 256);
const isTexts = isArrayOf(isText(64), 256);

/** The stored form. */
export const handInCodec = codec<HandInEntry>(
  'hand-in entry',
  (fields) => {
    const made = fields.optional('made', isMap);
    return present({
      id: fields.required('id', isBytesOf(MESSAGE_ID_BYTES)),
      stream: fields.required('stream', isCounter),
      receivers: fields.required('receivers', isMaps).map(readReceiver),
      sealed: fields.required('sealed', isBytes),
      expiresAt: fields.optional('expiresAt', isCounter),
      made: made && readMade(made),
    });
  },
  ({ receivers, made, ...entry }) => ({
    ...entry,
    receivers: receivers.map((receiver) => toMap({ ...receiver })),
    made: made && toMap({ ...made }),
  }),
);

function readReceiver(map: CborMap): HandInReceiver {
  const fields = readFields(map, 'STATE_CORRUPT', 'receiver of a hand-in');
  return {
    to: fields.required('to', isText(64)),
    seq: fields.required('seq', isCounter),
    devices: fields.required('devices', isTexts),
  };
}

function readMade(map: CborMap): MadeHandIn {
  const fields = readFields(map, 'STATE_CORRUPT', 'hand-in');
  return {
    nonce: fields.required('nonce', isBytesOf(HAND_IN_NONCE_BYTES)),
    issuedAt: fields.required('issuedAt', isCounter),
    relay: fields.required('relay', isBytesOf(32)),
    bytes: fields.required('bytes', isBytes),
  };
}
