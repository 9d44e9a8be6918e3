import { type BatchMessage, MAX_BATCH_BYTES, MAX_BATCH_MESSAGES } from '../protocol/envelope/batch.js';
import type { Posted } from './outbox.js';
import type { Tracked } from './tracking.js';

/** What the sender wants for a message; those of a batch have it in common. */
export interface Terms {
  /** Seconds. */
  readonly expiresIn: number | undefined;
  /** Until all of the receiver's devices have receipted it. */
  readonly kept: boolean;
  /** Whether our own other devices get a copy. */
  readonly copied: boolean;
}

/** Messages to one receiver that wait to be sealed together. */
export interface Batch {
  readonly to: string;
  readonly terms: Terms;
  /** The messages, in the order in which they were added, without those that were given up; none are added any more. */
  close(): readonly BatchMessage[];
}

/** What is to be told of a batch. */
export interface PostedBatch extends Posted {
  readonly seq: number;
  readonly tracked: Tracked;
}

/** Numbers, seals and keeps a batch, and closes it when its turn has come. */
export type Post = (batch: Batch) => Promise<PostedBatch>;

/** What waits for its turn to be numbered: messages for the same receiver, on the same terms, wait together. */
export interface Batches {
  /**
   * Adds a message behind all that were added for `to` before; `post` is called with a batch that it begins.
   *
   * @param signal - gives the message up until its batch is closed; what is answered then is about the others
   */
  add(to: string, message: BatchMessage, terms: Terms, post: Post, signal?: AbortSignal): Promise<PostedBatch>;
}

/** Bytes that a message takes up besides its payload, content type and channel. */
const CLAIMS_BYTES = 64;

/** Most bytes of UTF-8 for a UTF-16 code unit. */
const UNIT_BYTES = 3;

/** @param maxPayloadBytes - the messenger's: a batch is no larger than a message may be */
export function createBatches(maxPayloadBytes: number): Batches {
  const most = Math.min(MAX_BATCH_BYTES, maxPayloadBytes);
  /** The last batch for each receiver. */
  const last = new Map<string, { readonly batch: Waiting; readonly posted: Promise<PostedBatch> }>();
  return {
    add(to, message, terms, post, signal) {
      const before = last.get(to);
      if (before?.batch.takes(message, terms, signal)) return before.posted;
      const batch = new Waiting(to, terms, { message, signal }, most);
      const posted = post(batch).finally(() => {
        // It may have failed before its turn.
        batch.close();
        if (last.get(to)?.batch === batch) last.delete(to);
      });
      last.set(to, { batch, posted });
      return posted;
    },
  };
}

interface Added {
  readonly message: BatchMessage;
  readonly signal: AbortSignal | undefined;
}

class Waiting implements Batch {
  readonly #added: Added[];
  readonly #most: number;
  #bytes: number;
  #isClosed = false;

  constructor(
    readonly to: string,
    readonly terms: Terms,
    first: Added,
    most: number,
  ) {
    this.#added = [first];
    this.#bytes = sizeOf(first.message);
    this.#most = most;
  }

  /** Adds a message, or answers false. */
  takes(message: BatchMessage, { expiresIn, kept, copied }: Terms, signal: AbortSignal | undefined): boolean {
    const bytes = this.#bytes + sizeOf(message);
    if (this.#isClosed || bytes > this.#most || this.#added.length === MAX_BATCH_MESSAGES) return false;
    const { terms } = this;
    if (terms.expiresIn !== expiresIn || terms.kept !== kept || terms.copied !== copied) return false;
    this.#added.push({ message, signal });
    this.#bytes = bytes;
    return true;
  }

  close(): readonly BatchMessage[] {
    this.#isClosed = true;
    return this.#added.filter(({ signal }) => !signal?.aborted).map(({ message }) => message);
  }
}

/** An upper bound. */
function sizeOf({ payload, contentType = '', channel = '' }: BatchMessage): number {
  return payload.length + CLAIMS_BYTES + UNIT_BYTES * (contentType.length + channel.length);
}
