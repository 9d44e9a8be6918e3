import { type CborValue, decodeCbor, encodeCbor } from '../bytes/cbor.js';
import { isCounter, readFields, toMap } from '../bytes/fields.js';
import { SealMQError } from '../errors.js';
import type { Store, StoreOperation } from '../ports/store.js';
import { acceptSeq, newSequence, type Range, type SequenceState } from '../protocol/envelope/sequence.js';

/** Which numbering a message belongs to. */
export interface Numbering {
  readonly from: string;
  readonly device: string;
  readonly stream: number;
}

/** What the memory of what was seen says of a message. */
export type Sighting =
  | {
      readonly kind: 'new';
      readonly operations: readonly StoreOperation[];
      readonly missing?: Range;
      readonly lost?: Range;
    }
  | { readonly kind: 'duplicate' }
  /** A numbering older than the newest one known of that device: a store that was restored or replayed. */
  | { readonly kind: 'stale-stream' };

/** The sequence numbers seen of every device, and the newest numbering of each. */
export interface Seen {
  /** Records a number; it is remembered for good when `operations` are durable, together with the message. */
  accept(numbering: Numbering, seq: number): Promise<Sighting>;
}

/** Devices whose numbers are held in memory. */
const MAX_CACHED = 10_000;

/** The memory under `seen/` of `store`. */
export function createSeen(store: Store): Seen {
  const states = new Map<string, SequenceState>();
  const newest = new Map<string, number>();

  return {
    async accept({ from, device, stream }, seq) {
      const prefix = `seen/${from}/${device}/`;
      const key = prefix + String(stream).padStart(16, '0');
      const state = states.get(key) ?? (await readState(store, key));
      if (!state) {
        const known = newest.get(prefix) ?? (await newestStream(store, prefix));
        if (stream < known) return { kind: 'stale-stream' };
        newest.set(prefix, stream);
      }
      const outcome = acceptSeq(state ?? newSequence(seq), seq);
      if (outcome.kind === 'duplicate') return outcome;
      if (states.size >= MAX_CACHED) states.clear();
      if (newest.size >= MAX_CACHED) newest.clear();
      // The state in memory is ahead of the store until the batch is durable; a crash in between loses both alike.
      states.set(key, outcome.state);
      return { ...outcome, operations: [{ type: 'put', key, value: encodeState(outcome.state) }] };
    },
  };
}

async function newestStream(store: Store, prefix: string): Promise<number> {
  for await (const [key] of store.iterator({ gte: prefix, lt: `${prefix}:`, reverse: true, limit: 1 })) {
    return Number(key.slice(prefix.length));
  }
  return 0;
}

async function readState(store: Store, key: string): Promise<SequenceState | undefined> {
  const bytes = await store.get(key);
  if (!bytes) return undefined;
  const fields = readFields(decodeCbor(bytes), 'STATE_CORRUPT', 'sequence state');
  const flat = fields.required('ranges', (value): value is number[] => Array.isArray(value) && value.every(isCounter));
  if (flat.length % 2 !== 0) throw new SealMQError('STATE_CORRUPT', 'sequence ranges are not pairs');
  const ranges: Range[] = [];
  for (let i = 0; i < flat.length; i += 2) ranges.push([flat[i] as number, flat[i + 1] as number]);
  return { start: fields.required('start', isCounter), floor: fields.required('floor', isCounter), ranges };
}

function encodeState({ start, floor, ranges }: SequenceState): Uint8Array {
  return encodeCbor(toMap({ start, floor, ranges: ranges.flat() as CborValue }));
}
