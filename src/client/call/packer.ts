import { nextTask } from '../../pause.js';
import { COUNTER_BYTES, RECORD_OVERHEAD } from '../../protocol/call/cipher.js';
import { MAX_RECORD_BYTES } from '../../protocol/call/record.js';
import type { RecordMemory, Slot } from './record-memory.js';

/** Encrypts a record where it stands, and sends it; the promise, if there is one, is the backend's. */
type Seal = (content: Uint8Array, slot: Slot) => Promise<void> | undefined;

/** Most bytes of content in a record. */
const MAX_CONTENT_BYTES = MAX_RECORD_BYTES - RECORD_OVERHEAD;

/**
 * Puts pieces together into records: what is sent in one turn of the event loop travels together, as far as it fits, since a
 * cipher, a packet and the way through a WebRTC stack cost more than most messages do.
 */
export class Packer {
  readonly #memory: RecordMemory;
  readonly #seal: Seal;
  #open: { readonly slot: Slot; end: number } | undefined;
  #isScheduled = false;
  /** The last record that is being encrypted: they go out in their order. */
  #sealing: Promise<void> | undefined;

  constructor(memory: RecordMemory, seal: Seal) {
    this.#memory = memory;
    this.#seal = seal;
  }

  /** Whether something waits for the end of the turn. */
  get pending(): boolean {
    return this.#open !== undefined;
  }

  /** Puts a piece, given in parts, behind the one before. The promise, if there is one, is that of a record that was full. */
  add(parts: readonly Uint8Array[]): Promise<void> | undefined {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    const isFull = this.#open !== undefined && this.#open.end + length > COUNTER_BYTES + MAX_CONTENT_BYTES;
    const flushed = isFull ? this.flush() : undefined;
    this.#open ??= { slot: this.#memory.take(MAX_RECORD_BYTES), end: COUNTER_BYTES };
    for (const part of parts) {
      this.#open.slot.bytes.set(part, this.#open.end);
      this.#open.end += part.length;
    }
    this.#flushLater();
    return flushed;
  }

  /** Lets go what there is. The promise, if there is one, is that of all records so far. */
  flush(): Promise<void> | undefined {
    const open = this.#open;
    if (!open) return this.#sealing;
    this.#open = undefined;
    const slot = this.#memory.shorten(open.slot, open.end + RECORD_OVERHEAD - COUNTER_BYTES);
    const seal = () => this.#seal(slot.bytes.subarray(COUNTER_BYTES, open.end), slot);
    const sealing = this.#sealing ? this.#sealing.then(seal) : seal();
    this.#sealing = sealing;
    sealing?.then(
      () => {
        if (this.#sealing === sealing) this.#sealing = undefined;
      },
      // Whoever sends next hears of it.
      () => {},
    );
    return sealing;
  }

  /** What was not sent is not sent any more. */
  close(): void {
    this.#open = undefined;
  }

  #flushLater(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    void nextTask().then(() => {
      this.#isScheduled = false;
      this.flush();
    });
  }
}
