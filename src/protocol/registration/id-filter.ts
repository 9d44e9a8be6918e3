import { type CborValue, decodeCbor, encodeCbor } from '../../bytes/cbor.js';
import { isBytesOf, isCounter, readFields, toMap } from '../../bytes/fields.js';
import { SealMQError } from '../../errors.js';
import { BloomFilter, type BloomSettings } from './bloom.js';

/** How a filter of ids is made. */
export interface IdFilterSettings extends BloomSettings {
  /** How long a generation takes ids in, in seconds; an id is forgotten one to two generations after it was added last. */
  readonly generation: number;
}

/** A Bloom filter for what was added since `startedAt` (seconds). */
interface Generation {
  readonly startedAt: number;
  readonly filter: BloomFilter;
}

/** The present generation and the one before. */
const GENERATIONS = 2;
const VERSION = 1;

/**
 * The ids that are registered, as a Bloom filter of two generations: what is not added again while the newer one is the present one
 * goes with the older one. That is how ids are removed from a structure that cannot forget.
 */
export class IdFilter {
  readonly #settings: IdFilterSettings;
  #generations: readonly Generation[];

  /**
   * An empty filter.
   *
   * @param now - seconds
   */
  constructor(settings: IdFilterSettings, now: number, generations: readonly Generation[] = []) {
    this.#settings = settings;
    this.#generations = generations.length > 0 ? generations : [{ startedAt: now, filter: this.#emptyFilter() }];
  }

  /** Ids in all generations; one that was added in both counts twice. */
  get count(): number {
    return this.#generations.reduce((sum, { filter }) => sum + filter.count, 0);
  }

  /** Layers of the present generation. */
  get layers(): number {
    return this.#generations.at(-1)?.filter.layers ?? 0;
  }

  has(digest: Uint8Array): boolean {
    return this.#generations.some(({ filter }) => filter.has(digest));
  }

  /** Adds `digest` to the present generation, or begins the next one. @throws {@link SealMQError} `STATE_FULL` */
  add(digest: Uint8Array, now: number): void {
    this.advance(now);
    this.#generations.at(-1)?.filter.add(digest);
  }

  /** Begins the next generation if it is time; answers whether it did. The one before the last is forgotten. */
  advance(now: number): boolean {
    const age = now - (this.#generations.at(-1)?.startedAt ?? 0);
    if (age < this.#settings.generation) return false;
    // After a pause of two generations nothing of the present one is left either.
    const kept = age < GENERATIONS * this.#settings.generation ? this.#generations.slice(1 - GENERATIONS) : [];
    this.#generations = [...kept, { startedAt: now, filter: this.#emptyFilter() }];
    return true;
  }

  /**
   * The filter as bytes.
   *
   * @param sequence - how much of a journal is in it
   * @param keyCheck - 32 bytes that tell under which key the digests were made
   */
  encode(sequence: number, keyCheck: Uint8Array): Uint8Array {
    const generations = this.#generations.map(({ startedAt, filter }) => toMap({ startedAt, layers: filter.toCbor() }));
    return encodeCbor(toMap({ version: VERSION, sequence, keyCheck, generations }));
  }

  /** Reads {@link encode}. @throws {@link SealMQError} `STATE_CORRUPT`, `STATE_NEWER_SCHEMA` */
  static decode(bytes: Uint8Array, settings: IdFilterSettings): DecodedFilter {
    const fields = readFields(decode(bytes), 'STATE_CORRUPT', 'filter of ids');
    const version = fields.required('version', isCounter);
    if (version !== VERSION) throw new SealMQError('STATE_NEWER_SCHEMA', `filter of version ${version}`);
    const half = halved(settings);
    const generations = fields.required('generations', isGenerations).map((value) => {
      const generation = readFields(value, 'STATE_CORRUPT', 'generation');
      const layers = generation.required('layers', isAnything);
      return { startedAt: generation.required('startedAt', isCounter), filter: BloomFilter.fromCbor(layers, half) };
    });
    return {
      filter: new IdFilter(settings, 0, generations),
      sequence: fields.required('sequence', isCounter),
      keyCheck: fields.required('keyCheck', isBytesOf(32)),
    };
  }

  #emptyFilter(): BloomFilter {
    return new BloomFilter(halved(this.#settings));
  }
}

/** What {@link IdFilter.decode} reads. */
export interface DecodedFilter {
  readonly filter: IdFilter;
  readonly sequence: number;
  readonly keyCheck: Uint8Array;
}

const isAnything = (value: unknown): value is CborValue => value !== undefined;
const isGenerations = (value: unknown): value is readonly CborValue[] =>
  Array.isArray(value) && value.length >= 1 && value.length <= GENERATIONS;

/** Two generations are asked: each may have half of the false positives. */
function halved({ capacity, falsePositives }: BloomSettings): BloomSettings {
  return { capacity, falsePositives: falsePositives / GENERATIONS };
}

function decode(bytes: Uint8Array): CborValue {
  try {
    return decodeCbor(bytes);
  } catch (cause) {
    throw new SealMQError('STATE_CORRUPT', 'a filter of ids is no CBOR', cause);
  }
}
