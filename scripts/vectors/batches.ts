import { toHex } from '../../src/bytes/bytes.js';
import { type CborValue, encodeCbor } from '../../src/bytes/cbor.js';
import { BATCH_TYPE, type BatchMessage, encodeBatch } from '../../src/protocol/envelope/batch.js';
import { fixedBytes } from './fixed-provider.js';
import type { BatchedVector, Vectors } from './types.js';

const bare = (name: string, payload: string): BatchMessage => ({
  id: fixedBytes(`batch/${name}`, 16),
  payload: new TextEncoder().encode(payload),
});

/** Two readings and an answer. */
export const READINGS: readonly BatchMessage[] = [
  { ...bare('one', '21.5'), contentType: 'application/json', channel: 'telemetry/temperature' },
  { ...bare('two', '40'), contentType: 'application/json', channel: 'telemetry/humidity' },
  { ...bare('three', 'Yes.'), contentType: 'text/plain;charset=utf-8', inReplyTo: fixedBytes('batch/question', 16) },
];

const claims = (id: CborValue = fixedBytes('batch/one', 16)) => new Map<number, CborValue>([[15, new Map([[7, id]])]]);
const NOTHING = new Uint8Array(0);

const REFUSED: readonly (readonly [about: string, value: CborValue])[] = [
  ['one message: it travels alone', [claims(), NOTHING]],
  ['no message', []],
  ['claims without a payload behind them', [claims(), NOTHING, claims()]],
  ['a payload that is text', [claims(), NOTHING, claims(), 'text']],
  ['claims that are no map', [claims(), NOTHING, null, NOTHING]],
  ['a message without an id', [claims(), NOTHING, new Map(), NOTHING]],
  ['an id of 15 bytes', [claims(), NOTHING, claims(new Uint8Array(15)), NOTHING]],
  ['a channel that is empty', [claims(), NOTHING, new Map([...claims(), [-65538, ''] as const]), NOTHING]],
  ['a batch within it', [claims(), NOTHING, new Map([...claims(), [3, BATCH_TYPE] as const]), NOTHING]],
  ['257 messages', Array.from({ length: 257 }, () => [claims(), NOTHING]).flat()],
];

/** Payloads of messages that carry several. */
export const batches: Vectors['batches'] = {
  accepted: [
    written('readings', 'Two readings and an answer.', READINGS),
    written('least', 'Two empty messages that say nothing but their ids.', [bare('one', ''), bare('two', '')]),
  ],
  refused: REFUSED.map(([about, value]) => ({ about, bytes: toHex(encodeCbor(value)) })),
};

function written(name: string, about: string, messages: readonly BatchMessage[]) {
  const shown = messages.map(({ id, payload, inReplyTo, ...texts }): BatchedVector => {
    return { id: toHex(id), ...texts, ...(inReplyTo && { inReplyTo: toHex(inReplyTo) }), payload: toHex(payload) };
  });
  return { name, about, messages: shown, bytes: toHex(encodeBatch(messages)) };
}
