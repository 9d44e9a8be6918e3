import { MAX_RECORD_BYTES } from '../../protocol/call/record.js';

/** Bytes of a slab: four of the largest records. */
const SLAB_BYTES = 4 * MAX_RECORD_BYTES;

/** Memory in which records stand one behind the other. */
interface Slab {
  readonly bytes: Uint8Array;
  /** Where the next record goes. */
  end: number;
  /** How many of its records are still wanted. */
  wanted: number;
}

/** Memory of one record. */
export interface Slot {
  readonly bytes: Uint8Array;
  readonly slab: Slab;
}

/**
 * Memory for records that are kept for a while, used again and again: made anew for each of them it would outlive the collector's first
 * look, and the second one costs more than the encryption. As much as was wanted at a time, and a slab for what is to come.
 */
export class RecordMemory {
  #current: Slab | undefined;
  #spare: Slab[] = [];

  /** Memory for a record of `length` bytes, at most {@link MAX_RECORD_BYTES}; what it held before is still there. */
  take(length: number): Slot {
    if (!this.#current || this.#current.end + length > SLAB_BYTES) this.#current = this.#spare.pop() ?? newSlab();
    const slab = this.#current;
    const bytes = slab.bytes.subarray(slab.end, slab.end + length);
    slab.end += length;
    slab.wanted++;
    return { bytes, slab };
  }

  /** Of the one that was taken last only the first `length` bytes are wanted. */
  shorten({ bytes, slab }: Slot, length: number): Slot {
    slab.end -= bytes.length - length;
    return { bytes: bytes.subarray(0, length), slab };
  }

  /** That record is not wanted any more; once for each. */
  give({ slab }: Slot): void {
    if (--slab.wanted > 0) return;
    slab.end = 0;
    if (slab !== this.#current) this.#spare.push(slab);
  }

  /** Lets go of what nobody uses now. */
  trim(): void {
    this.#spare = [];
  }
}

function newSlab(): Slab {
  return { bytes: new Uint8Array(SLAB_BYTES), end: 0, wanted: 0 };
}
