import type { CborValue } from '../../bytes/cbor.js';
import { isBytes, isCounter, readFields, toMap } from '../../bytes/fields.js';
import { SealMQError } from '../../errors.js';

/** How large a filter begins, and how often it may say "yes" to what was never added. */
export interface BloomSettings {
  /** What the first layer takes; each further one takes twice as many as the one before. */
  readonly capacity: number;
  /** Upper bound of the rate over all layers, such as 1e-6. */
  readonly falsePositives: number;
}

/** One layer: a Bloom filter of a fixed size. */
interface Layer {
  readonly capacity: number;
  readonly hashes: number;
  readonly bits: Uint8Array;
  count: number;
}

/** Bounds of {@link BloomSettings}: 100 million ids take some 400 MB, and a digest has room for 40 hashes. */
const MAX_CAPACITY = 100_000_000;
const MIN_RATE = 1e-9;
const MAX_RATE = 0.1;
const MAX_LAYERS = 12;

/**
 * A scalable Bloom filter (Almeida et al., 2007): when a layer has taken as much as it was made for, a larger one with half the
 * rate of false positives opens, so that the rate of the whole stays below its bound however many are added. What was added is
 * always found; nothing can be taken out, or listed.
 */
export class BloomFilter {
  readonly #settings: BloomSettings;
  readonly #layers: Layer[];

  /** An empty filter. @throws {@link SealMQError} `USAGE_INVALID_ARGUMENT` */
  constructor(settings: BloomSettings, layers: Layer[] = []) {
    this.#settings = assertSettings(settings);
    this.#layers = layers.length > 0 ? layers : [this.#nextLayer(0)];
  }

  /** How many were added, as far as the filter can tell: what it took for known is not counted. */
  get count(): number {
    return this.#layers.reduce((sum, { count }) => sum + count, 0);
  }

  /** How many layers there are. */
  get layers(): number {
    return this.#layers.length;
  }

  /**
   * Whether `digest` was added: surely not, or almost surely.
   *
   * @param digest - at least 10 bytes, evenly distributed: a keyed hash
   */
  has(digest: Uint8Array): boolean {
    return this.#layers.some((layer) => positions(digest, layer).every((at) => isSet(layer.bits, at)));
  }

  /**
   * Adds `digest`. Answers whether anything changed.
   *
   * @throws {@link SealMQError} `STATE_FULL` when the filter has grown to 4,095 times its first capacity
   */
  add(digest: Uint8Array): boolean {
    if (this.has(digest)) return false;
    let layer = this.#layers.at(-1) as Layer;
    if (layer.count >= layer.capacity) {
      if (this.#layers.length === MAX_LAYERS) throw new SealMQError('STATE_FULL', 'the filter cannot grow any more');
      layer = this.#nextLayer(this.#layers.length);
      this.#layers.push(layer);
    }
    for (const at of positions(digest, layer)) setBit(layer.bits, at);
    layer.count += 1;
    return true;
  }

  /** The layers as CBOR can hold them. */
  toCbor(): CborValue {
    return this.#layers.map((layer) => toMap({ ...layer }));
  }

  /** Reads {@link toCbor}; layers to come follow `settings`. @throws {@link SealMQError} `STATE_CORRUPT` */
  static fromCbor(value: CborValue | undefined, settings: BloomSettings): BloomFilter {
    if (!Array.isArray(value) || value.length < 1 || value.length > MAX_LAYERS) throw corrupt();
    return new BloomFilter(settings, value.map(readLayer));
  }

  #nextLayer(index: number): Layer {
    const { capacity, falsePositives } = this.#settings;
    // A geometric series: all layers together stay below the rate that was asked for.
    return createLayer(capacity * 2 ** index, falsePositives / 2 ** (index + 1));
  }
}

/** Sizes for which a layer that holds `capacity` has the rate `rate`, half of its bits being set by then. */
function createLayer(capacity: number, rate: number): Layer {
  const bitsEach = -Math.log(rate) / Math.LN2 ** 2;
  const bits = new Uint8Array(Math.ceil((capacity * bitsEach) / 8));
  return { capacity, hashes: Math.ceil(bitsEach * Math.LN2), bits, count: 0 };
}

/**
 * Where `digest` has its bits, by enhanced double hashing (Dillinger and Manolios, 2004) of its first ten bytes. Numbers stay below
 * 2⁵³.
 */
function positions(digest: Uint8Array, { hashes, bits }: Layer): number[] {
  const size = bits.length * 8;
  const [first, second] = [fortyBits(digest, 0), fortyBits(digest, 5)];
  const found: number[] = new Array(hashes);
  for (let i = 0; i < hashes; i++) found[i] = (first + i * second + (i * i * i - i) / 6) % size;
  return found;
}

function fortyBits(bytes: Uint8Array, offset: number): number {
  let value = 0;
  for (let i = offset; i < offset + 5; i++) value = value * 256 + (bytes[i] as number);
  return value;
}

function isSet(bits: Uint8Array, at: number): boolean {
  return ((bits[Math.floor(at / 8)] as number) & (1 << (at % 8))) !== 0;
}

function setBit(bits: Uint8Array, at: number): void {
  const index = Math.floor(at / 8);
  bits[index] = (bits[index] as number) | (1 << (at % 8));
}

function assertSettings(settings: BloomSettings): BloomSettings {
  const { capacity, falsePositives } = settings;
  const isCapacity = Number.isSafeInteger(capacity) && capacity >= 1 && capacity <= MAX_CAPACITY;
  if (isCapacity && falsePositives >= MIN_RATE && falsePositives <= MAX_RATE) return settings;
  throw new SealMQError(
    'USAGE_INVALID_ARGUMENT',
    `a filter has a capacity of 1 to ${MAX_CAPACITY} and a rate of false positives of ${MIN_RATE} to ${MAX_RATE}`,
  );
}

function readLayer(value: CborValue): Layer {
  const fields = readFields(value, 'STATE_CORRUPT', 'layer of a filter');
  const layer = {
    capacity: fields.required('capacity', isCounter),
    hashes: fields.required('hashes', isCounter),
    bits: fields.required('bits', isBytes),
    count: fields.required('count', isCounter),
  };
  if (layer.hashes < 1 || layer.hashes > 64 || layer.bits.length === 0) throw corrupt();
  return layer;
}

function corrupt(): SealMQError {
  return new SealMQError('STATE_CORRUPT', 'malformed filter');
}
