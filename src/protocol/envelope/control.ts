import { type CborValue, decodeCbor, encodeCbor } from '../../bytes/cbor.js';
import {
  type FieldReader,
  isArrayOf,
  isBytes,
  isCounter,
  isText,
  present,
  readFields,
  toMap,
} from '../../bytes/fields.js';
import { SealMQError } from '../../errors.js';
import { MAX_CHANNEL_LENGTH } from './claims.js';
import type { Range, SequenceState } from './sequence.js';

/** Most ranges in one control message; the rest follows in the next. */
export const MAX_CONTROL_RANGES = 64;

/**
 * "Of what your device sent me under this numbering I have everything from `from` to `upTo`, and `ranges`." Cumulative, so
 * that a lost or doubled receipt does no harm; nothing is said of what lies below `from`.
 */
export interface Receipt {
  readonly kind: 'receipt';
  /** The device that sent what is receipted. */
  readonly device: string;
  readonly stream: number;
  readonly from: number;
  readonly upTo: number;
  readonly ranges: readonly Range[];
}

/** "I miss these of your device's messages." */
export interface Resend {
  readonly kind: 'resend';
  readonly device: string;
  readonly stream: number;
  readonly ranges: readonly Range[];
}

/** Why numbers will not come: they expired unsent, were not for the asking device, or are not kept any longer. */
export type SkipReason = 'expired' | 'not-recipient' | 'gone';

/** "Do not wait for these numbers of mine." */
export interface Skip {
  readonly kind: 'skip';
  readonly stream: number;
  readonly ranges: readonly Range[];
  readonly reason: SkipReason;
}

/**
 * "Do not go on with this numbering of your device: I know a newer one of it (`newest`), or a number of it came with two
 * messages. Start one that is greater than `newest`."
 */
export interface Refuse {
  readonly kind: 'refuse';
  readonly device: string;
  readonly stream: number;
  readonly newest: number;
}

/**
 * "This is my key record now." It verifies by itself, so that a device which was added or revoked is so at the next send of
 * everybody who reads this, whatever the directory or a cache still answers.
 */
export interface RecordNotice {
  readonly kind: 'record';
  readonly record: Uint8Array;
}

/** A statement of two devices of one account that are about to be linked, signed by one of them. */
export interface LinkControl {
  readonly kind: 'link';
  readonly statement: Uint8Array;
}

/**
 * "The connections for which my device handed over wills of this channel, up to `version`, are over, and I am well." A broker
 * that kept one of those wills, to publish it when it likes, has kept it for nothing.
 */
export interface Withdraw {
  readonly kind: 'withdraw';
  readonly channel?: string;
  readonly version: number;
}

/** What travels in family `control` between two devices. */
export type Control = Receipt | Resend | Skip | Refuse | RecordNotice | LinkControl | Withdraw;

/** Media type of a control message. */
export const CONTROL_TYPE = 'application/vnd.sealmq.control+cbor';

const SKIP_REASONS: readonly string[] = ['expired', 'not-recipient', 'gone'] satisfies SkipReason[];

const isDevice = isText(64);
const isFlatRanges = isArrayOf(isCounter, 2 * MAX_CONTROL_RANGES);
const isReason = (value: unknown): value is SkipReason => SKIP_REASONS.includes(value as string);

/** How each kind is read; its fields stand in the map under their names. */
const READERS: { readonly [Kind in Control['kind']]: (fields: FieldReader) => Extract<Control, { kind: Kind }> } = {
  receipt: (fields) => ({
    kind: 'receipt',
    device: fields.required('device', isDevice),
    stream: fields.required('stream', isCounter),
    from: fields.required('from', isCounter),
    upTo: fields.required('upTo', isCounter),
    ranges: readRanges(fields),
  }),
  resend: (fields) => ({
    kind: 'resend',
    device: fields.required('device', isDevice),
    stream: fields.required('stream', isCounter),
    ranges: readRanges(fields),
  }),
  skip: (fields) => ({
    kind: 'skip',
    stream: fields.required('stream', isCounter),
    ranges: readRanges(fields),
    reason: fields.required('reason', isReason),
  }),
  refuse: (fields) => ({
    kind: 'refuse',
    device: fields.required('device', isDevice),
    stream: fields.required('stream', isCounter),
    newest: fields.required('newest', isCounter),
  }),
  record: (fields) => ({ kind: 'record', record: fields.required('record', isBytes) }),
  withdraw: (fields) =>
    present({
      kind: 'withdraw' as const,
      channel: fields.optional('channel', isText(MAX_CHANNEL_LENGTH)),
      version: fields.required('version', isCounter),
    }),
  link: (fields) => ({ kind: 'link', statement: fields.required('statement', isBytes) }),
};

/** Deterministic CBOR of a control message; ranges stand as a flat array of pairs. */
export function encodeControl(control: Control): Uint8Array {
  const ranges = 'ranges' in control ? { ranges: control.ranges.slice(0, MAX_CONTROL_RANGES).flat() } : {};
  return encodeCbor(toMap({ ...control, ...ranges } as unknown as Record<string, CborValue>));
}

/** Reads a control message. @throws {@link SealMQError} `DECODE_CBOR`, `DECODE_CLAIMS` */
export function decodeControl(bytes: Uint8Array): Control {
  const fields = readFields(decodeCbor(bytes), 'DECODE_CLAIMS', 'control message');
  const isKind = (value: unknown): value is Control['kind'] =>
    typeof value === 'string' && Object.hasOwn(READERS, value);
  return READERS[fields.required('kind', isKind)](fields);
}

/** The receipt for what `state` holds. */
export function receiptFor(device: string, stream: number, { start, floor, ranges }: SequenceState): Receipt {
  const [first, ...others] = ranges.filter(([, to]) => to > floor);
  const from = Math.max(1, Math.min(start, first?.[0] ?? start));
  const contiguous = first !== undefined && first[0] <= Math.max(from, floor + 1);
  return {
    ...{ kind: 'receipt', device, stream, from },
    upTo: contiguous ? first[1] : Math.max(floor, from - 1),
    ranges: (contiguous || !first ? others : [first, ...others]).slice(0, MAX_CONTROL_RANGES),
  };
}

/** Whether a receipt says that `seq` has arrived. */
export function covers({ from, upTo, ranges }: Pick<Receipt, 'from' | 'upTo' | 'ranges'>, seq: number): boolean {
  return (seq >= from && seq <= upTo) || ranges.some(([first, last]) => seq >= first && seq <= last);
}

function readRanges(fields: FieldReader): Range[] {
  const flat = fields.required('ranges', isFlatRanges);
  const ranges: Range[] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) ranges.push([flat[i] as number, flat[i + 1] as number]);
  const ordered = ranges.every(
    ([from, to], i) => from >= 1 && from <= to && (i === 0 || from > (ranges[i - 1]?.[1] ?? 0)),
  );
  if (flat.length % 2 !== 0 || !ordered) throw new SealMQError('DECODE_CLAIMS', 'malformed control message: ranges');
  return ranges;
}
