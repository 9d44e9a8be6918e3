import { toHex } from '../../src/bytes/bytes.js';
import { type CborMap, type CborValue, encodeCbor } from '../../src/bytes/cbor.js';
import { toMap } from '../../src/bytes/fields.js';
import { type Control, encodeControl } from '../../src/protocol/envelope/control.js';
import { patched } from './forge.js';
import type { RecordCase } from './records.js';
import { STREAM } from './sealed.js';
import type { ControlVector, LinkVector, Vectors } from './types.js';

const DEVICE = 'alicephonealicep';

const CONTROLS: readonly (readonly [name: string, about: string, control: Control])[] = [
  ['receipt', 'All from 1 to 1,204, and 1,206.', receipt(1, 1204, [[1206, 1206]])],
  ['receipt-of-nothing', 'Nothing from 1 on yet: upTo is below from.', receipt(1, 0, [])],
  ['receipt-of-a-newcomer', 'A device that joined at 40: nothing is said of 1 to 39.', receipt(40, 52, [])],
  [
    'receipt-with-gaps',
    'Two gaps: 4 and 7 to 8 are missing.',
    receipt(1, 3, [
      [5, 6],
      [9, 9],
    ]),
  ],
  [
    'resend',
    'Ask for 4, 7 and 8.',
    {
      kind: 'resend',
      device: DEVICE,
      stream: STREAM,
      ranges: [
        [4, 4],
        [7, 8],
      ],
    },
  ],
  ['skip-expired', '4 has expired.', { kind: 'skip', stream: STREAM, ranges: [[4, 4]], reason: 'expired' }],
  ['skip-not-recipient', '1 to 39 were not for the device that asked.', skip('not-recipient', [[1, 39]])],
  ['skip-gone', '7 and 8 are not kept any longer.', skip('gone', [[7, 8]])],
  ['refuse', 'Do not go on with this numbering; a later one is known.', refusal(STREAM + 5)],
  ['refuse-used-twice', 'Do not go on with it: a number of it came with two messages.', refusal(STREAM)],
  ['withdraw', 'Wills of one channel are over.', { kind: 'withdraw', channel: 'presence', version: STREAM }],
  ['withdraw-no-channel', 'Wills without a channel are over.', { kind: 'withdraw', version: STREAM }],
  ['ranges-64', 'As many ranges as there may be.', skip('gone', pairs(64))],
  [
    'ranges-adjacent',
    'Ranges that could be one.',
    skip('gone', [
      [1, 2],
      [3, 4],
    ]),
  ],
];

/** Control messages: what is read and written, what is only read, and what is refused. */
export function controlVectors(records: readonly RecordCase[], [link]: readonly LinkVector[]): Vectors['control'] {
  const record = records.find(({ name }) => name === 'alice-2')?.record;
  if (!record || !link) throw new RangeError('no record, or no link');
  const statement = Uint8Array.from(Buffer.from(link.offer, 'hex'));
  const carriers = [
    ['record', 'My key record is this now.', { kind: 'record', record: record.bytes }],
    ['link', 'The offer to a new device.', { kind: 'link', statement }],
  ] as const;
  return {
    accepted: [...CONTROLS, ...carriers].map(([name, about, content]) =>
      vector(name, about, content, encodeControl(content)),
    ),
    tolerated: tolerated(),
    refused: refused().map(([about, content]) => ({ about, bytes: toHex(encodeCbor(content)) })),
  };
}

function receipt(from: number, upTo: number, ranges: [number, number][]): Control {
  return { kind: 'receipt', device: DEVICE, stream: STREAM, from, upTo, ranges };
}

function skip(reason: 'expired' | 'not-recipient' | 'gone', ranges: [number, number][]): Control {
  return { kind: 'skip', stream: STREAM, ranges, reason };
}

function refusal(newest: number): Control {
  return { kind: 'refuse', device: DEVICE, stream: STREAM, newest };
}

/** `count` ranges of one number each, with gaps between them. */
function pairs(count: number): [number, number][] {
  return Array.from({ length: count }, (_, i) => [2 * i + 1, 2 * i + 1]);
}

function vector(name: string, about: string, content: Control, bytes: Uint8Array): ControlVector {
  const fields = Object.entries(content).map(([field, value]) => [
    field,
    value instanceof Uint8Array ? toHex(value) : value,
  ]);
  return { name, about, control: Object.fromEntries(fields) as ControlVector['control'], bytes: toHex(bytes) };
}

function tolerated(): ControlVector[] {
  const content = skip('gone', [[7, 8]]);
  const fields = toMap({ kind: 'skip', stream: STREAM, ranges: [7, 8], reason: 'gone' });
  const unknown = new Map<number | string, CborValue>([
    ['note', null],
    [99, [true]],
  ]);
  return [vector('unknown-keys', 'Keys that nobody knows.', content, encodeCbor(patched(fields, unknown)))];
}

function refused(): [about: string, content: CborValue][] {
  const good = toMap({ kind: 'receipt', device: DEVICE, stream: STREAM, from: 1, upTo: 3, ranges: [5, 6] });
  const changed = (name: string, value: CborValue | undefined): CborMap => patched(good, new Map([[name, value]]));
  const reasonless = toMap({ kind: 'skip', stream: STREAM, ranges: [7, 8] });
  return [
    ['an array', ['receipt']],
    ['no kind', changed('kind', undefined)],
    ['an unknown kind', changed('kind', 'notice')],
    ['no device', changed('device', undefined)],
    ['an empty device', changed('device', '')],
    ['a device of 65 characters', changed('device', 'a'.repeat(65))],
    ['stream as text', changed('stream', '1')],
    ['from is true', changed('from', true)],
    ['a negative upTo', changed('upTo', -1)],
    ['no ranges', changed('ranges', undefined)],
    ['ranges as arrays', changed('ranges', [[5, 6]])],
    ['half a range', changed('ranges', [5])],
    ['a range from 0', changed('ranges', [0, 6])],
    ['a range that ends before it begins', changed('ranges', [6, 5])],
    ['ranges not in order', changed('ranges', [8, 9, 5, 6])],
    ['ranges that overlap', changed('ranges', [5, 6, 6, 7])],
    ['65 ranges', changed('ranges', pairs(65).flat())],
    ['no reason', reasonless],
    ['no version', toMap({ kind: 'withdraw', channel: 'presence' })],
    ['an empty channel', toMap({ kind: 'withdraw', channel: '', version: STREAM })],
    ['no record', toMap({ kind: 'record' })],
    ['a record as text', toMap({ kind: 'record', record: 'record' })],
    ['no statement', toMap({ kind: 'link' })],
    ['a statement that is a map', toMap({ kind: 'link', statement: toMap({ step: 'offer' }) })],
    ['no newest', toMap({ kind: 'refuse', device: DEVICE, stream: STREAM })],
    ['an unknown reason', patched(reasonless, new Map([['reason', 'lost']]))],
  ];
}
