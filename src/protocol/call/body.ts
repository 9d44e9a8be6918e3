import { decodeCbor, encodeCbor } from '../../bytes/cbor.js';
import { type Check, type FieldReader, isCounter, isText, present, readFields, toMap } from '../../bytes/fields.js';

/** Longest session description in UTF-16 code units. */
const MAX_SDP = 64 * 1024;
const MAX_CANDIDATE = 1024;
const MAX_MID = 64;

/** How often a call may look for a new way; each time has a number, from 0. */
const MAX_ROUND = 1024;

/** What offer and answer hold. Without a description its side has no WebRTC, or does not want it: MQTT alone. */
export interface Description {
  /** SDP (RFC 8866). The fingerprint of the DTLS certificate stands in it, and so under the hashes of the handshake. */
  readonly sdp?: string;
}

/** One ICE candidate (RFC 8839 §5.1), as browsers write it. */
export interface Candidate {
  /** `candidate:…`; empty when no more will come. */
  readonly candidate: string;
  /** The media description that it is for. */
  readonly mid?: string;
  readonly line?: number;
}

/** What an ice frame holds. `round` counts the ways that were looked for: 0 is that of offer and answer. */
export type IceBody =
  | ({ readonly kind: 'candidate'; readonly round: number } & Candidate)
  /** A new way: ICE anew, under the same keys of the call. By the callee, who made the first offer as well. */
  | { readonly kind: 'offer' | 'answer'; readonly round: number; readonly sdp: string }
  /** The caller asks the callee for a new way. */
  | { readonly kind: 'restart'; readonly round: number };

const isSdp = isText(MAX_SDP);
const isRound: Check<number> = (value): value is number => isCounter(value) && value <= MAX_ROUND;
const isCandidate: Check<string> = (value): value is string => value === '' || isText(MAX_CANDIDATE)(value);
const isKind: Check<IceBody['kind']> = (value): value is IceBody['kind'] =>
  typeof value === 'string' && Object.hasOwn(READERS, value);

const described =
  (kind: 'offer' | 'answer') =>
  (fields: FieldReader, round: number): IceBody => ({ kind, round, sdp: fields.required('sdp', isSdp) });

const READERS: { readonly [Kind in IceBody['kind']]: (fields: FieldReader, round: number) => IceBody } = {
  candidate: (fields, round) =>
    present({
      ...{ kind: 'candidate' as const, round },
      candidate: fields.required('candidate', isCandidate),
      mid: fields.optional('mid', isText(MAX_MID)),
      line: fields.optional('line', isCounter),
    }),
  offer: described('offer'),
  answer: described('answer'),
  restart: (_fields, round) => ({ kind: 'restart', round }),
};

export function encodeDescription({ sdp }: Description): Uint8Array {
  return encodeCbor(toMap({ sdp }));
}

/** @throws `DECODE_CBOR`, `DECODE_CLAIMS` */
export function decodeDescription(bytes: Uint8Array): Description {
  return present({ sdp: readFields(decodeCbor(bytes), 'DECODE_CLAIMS', 'description').optional('sdp', isSdp) });
}

export function encodeIceBody(body: IceBody): Uint8Array {
  return encodeCbor(toMap({ ...body }));
}

/** @throws `DECODE_CBOR`, `DECODE_CLAIMS` */
export function decodeIceBody(bytes: Uint8Array): IceBody {
  const fields = readFields(decodeCbor(bytes), 'DECODE_CLAIMS', 'ice body');
  const kind = fields.required('kind', isKind);
  return READERS[kind](fields, fields.required('round', isRound));
}
