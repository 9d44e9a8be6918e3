import { type CborValue, decodeCbor, encodeCbor } from '../bytes/cbor.js';
import { isCounter, readFields, toMap } from '../bytes/fields.js';
import { SealMQError } from '../errors.js';
import type { Store, StoreOperation } from '../ports/store.js';
import {
  acceptSeq,
  gaps,
  newSequence,
  type Range,
  type SequenceState,
  skipRanges,
} from '../protocol/envelope/sequence.js';
import { createRecentIds } from './recent-ids.js';

/** Which numbering a message belongs to. */
export interface Numbering {
  readonly from: string;
  readonly device: string;
  readonly stream: number;
}

/** A numbering that is not waited for any longer, since its device has begun too many newer ones. */
export interface Retired {
  readonly stream: number;
  /** What of it had not come. */
  readonly lost: readonly Range[];
}

/** What the memory of what was seen says of a message. */
export type Sighting =
  | {
      readonly kind: 'new';
      readonly operations: readonly StoreOperation[];
      /** On the first message of a numbering: older ones that make room for it. */
      readonly retired: readonly Retired[];
      readonly missing?: Range;
      readonly lost?: Range;
      /** On the first message of a numbering: what lies below it. */
      readonly earlier?: Range;
    }
  | { readonly kind: 'duplicate' }
  /** The number came before, with another message: the sender's store is an old copy. */
  | { readonly kind: 'sequence-reused' }
  /** A numbering older than the newest one known of that device: a store that was restored or replayed. */
  | { readonly kind: 'stale-stream' };

/** The sequence numbers seen of every device, and the newest numbering of each. */
export interface Seen {
  /**
   * Records a number and, for a while, the message's id; the number is remembered for good when `operations` are durable,
   * together with the message.
   */
  accept(numbering: Numbering, seq: number, id: Uint8Array): Promise<Sighting>;
  /** What is known of a numbering, or `undefined` when nothing ever came. */
  state(numbering: Numbering): Promise<SequenceState | undefined>;
  /** Gives numbers up that the sender says will not come; durable when it resolves. Answers those that had not come. */
  skip(numbering: Numbering, ranges: readonly Range[]): Promise<readonly Range[]>;
  /** The newest stream of the numbering's device; 0 when nothing ever came of it. */
  newestStream(numbering: Numbering): Promise<number>;
  /** The newest numbering of each device that ever wrote. */
  numberings(): AsyncIterable<Numbering>;
}

/** Devices whose numbers are held in memory. */
const MAX_CACHED = 10_000;

/**
 * Numberings of one device that are remembered. An honest device begins another only when its store turns out to be an old
 * copy, and what it then sends again bears the new one. What still comes of a forgotten numbering is stale: it is older than
 * those that are known, so it cannot be handed over again.
 */
export const MAX_STREAMS = 8;

/** The memory under `seen/` of `store`. */
export function createSeen(store: Store): Seen {
  const states = new Map<string, SequenceState>();
  const streams = new Map<string, readonly number[]>();
  const ids = createRecentIds(store);

  const streamsAt = async (prefix: string) => streams.get(prefix) ?? (await readStreams(store, prefix));
  const stateAt = async (key: string) => states.get(key) ?? (await readState(store, key));
  /** Of a numbering that was forgotten there may still be something in the store, until that is durable. */
  const stateOf = async (numbering: Numbering) => {
    const { prefix, key } = keysOf(numbering);
    return streams.get(prefix)?.includes(numbering.stream) === false ? undefined : stateAt(key);
  };

  /** What makes room for another numbering of a device, the oldest first. */
  const retire = async (numbering: Numbering, excess: readonly number[]) => {
    const retired: Retired[] = [];
    const operations: StoreOperation[] = [];
    for (const stream of excess) {
      const { key } = keysOf({ ...numbering, stream });
      const state = await stateAt(key);
      retired.push({ stream, lost: state ? gaps(state) : [] });
      operations.push({ type: 'del', key }, ...(await ids.forget(key)));
    }
    return { retired, operations };
  };

  /** The first message of a numbering. Nothing is changed before all that can fail has been done. */
  const begin = async (numbering: Numbering, seq: number, id: Uint8Array): Promise<Sighting> => {
    const { stream } = numbering;
    const { prefix, key } = keysOf(numbering);
    const known = await streamsAt(prefix);
    if (stream < (known.at(-1) ?? 0)) return { kind: 'stale-stream' };
    const outcome = acceptSeq(newSequence(seq), seq);
    if (outcome.kind !== 'new') return outcome;
    const excess = known.slice(0, Math.max(0, known.length + 1 - MAX_STREAMS));
    const { retired, operations } = await retire(numbering, excess);
    for (const old of excess) states.delete(keysOf({ ...numbering, stream: old }).key);
    remember(streams, prefix, [...known.slice(excess.length), stream]);
    const earlier = seq > 1 && { earlier: [1, seq - 1] as const };
    return { ...outcome, retired, operations: [...operations, ...keep(key, outcome.state, seq, id)], ...earlier };
  };

  /** The state in memory is ahead of the store until the operations are durable; a crash in between loses both alike. */
  const keep = (key: string, state: SequenceState, seq: number, id: Uint8Array): StoreOperation[] => {
    remember(states, key, state);
    return [{ type: 'put', key, value: encodeState(state) }, ids.note(key, seq, id)];
  };

  return {
    async accept(numbering, seq, id) {
      const { key } = keysOf(numbering);
      const state = await stateOf(numbering);
      if (!state) return begin(numbering, seq, id);
      const outcome = acceptSeq(state, seq);
      if (outcome.kind === 'duplicate')
        return (await ids.differs(key, seq, id)) ? { kind: 'sequence-reused' } : outcome;
      return { ...outcome, operations: keep(key, outcome.state, seq, id), retired: [] };
    },

    state: stateOf,
    newestStream: async (numbering) => (await streamsAt(keysOf(numbering).prefix)).at(-1) ?? 0,

    async skip(numbering, ranges) {
      const { key } = keysOf(numbering);
      const state = await stateOf(numbering);
      if (!state) return [];
      const given = skipRanges(state, ranges);
      await store.batch([{ type: 'put', key, value: encodeState(given.state) }]);
      remember(states, key, given.state);
      return given.lost;
    },

    async *numberings() {
      let last: Numbering | undefined;
      for await (const [key] of store.iterator({ gte: 'seen/', lt: 'seen0' })) {
        const [, from, device, stream] = key.split('/') as [string, string, string, string];
        // In key order the newest numbering of a device is its last.
        if (last && (last.from !== from || last.device !== device)) yield last;
        last = { from, device, stream: Number(stream) };
      }
      if (last) yield last;
    },
  };
}

/** Sets an entry and forgets the one that was set longest ago, which by then is durable. */
function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= MAX_CACHED) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    break;
  }
}

function keysOf({ from, device, stream }: Numbering): { prefix: string; key: string } {
  const prefix = `seen/${from}/${device}/`;
  return { prefix, key: prefix + String(stream).padStart(16, '0') };
}

/** In ascending order. */
async function readStreams(store: Store, prefix: string): Promise<number[]> {
  const streams: number[] = [];
  for await (const [key] of store.iterator({ gte: prefix, lt: `${prefix}:` })) {
    streams.push(Number(key.slice(prefix.length)));
  }
  return streams;
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
