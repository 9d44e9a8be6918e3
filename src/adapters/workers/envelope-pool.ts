import { availableParallelism } from 'node:os';
import type { CryptoProvider } from '../../crypto/provider.js';
import { SealMQError } from '../../errors.js';
import type { Draft, OpenContext, OpenOutcome, SealKeys } from '../../protocol/envelope/index.js';
import { BATCH, type PoolJob } from './jobs.js';
import { PoolWorker } from './pool-worker.js';

/** How a pool is made. */
export interface EnvelopePoolOptions {
  /** The provider that the keys belong to; they must be extractable. */
  readonly provider: CryptoProvider;
  /** Worker threads; default one for each core. */
  readonly workers?: number;
}

/**
 * `seal` and `open` on several cores (Node only): for services that seal or open in bulk. Messages of one turn go in
 * batches. What is handed in is read until the promise settles: leave it as it is until then.
 */
export interface EnvelopePool {
  /**
   * As the function `seal`.
   *
   * @throws as `seal`; `USAGE_KEY_NOT_EXTRACTABLE`; `USAGE_CLOSED`; `STATE_UNAVAILABLE` when the worker died
   */
  seal(draft: Draft, keys: SealKeys): Promise<Uint8Array>;
  /**
   * As the function `open`; `senderKey` runs here, not in the worker, and once for those messages of a batch that have the
   * same `context`, sender, `kid` and time.
   *
   * @throws as {@link EnvelopePool.seal}
   */
  open(sealed: Uint8Array, context: OpenContext): Promise<OpenOutcome>;
  /** Waits for what is under way, then ends the threads. */
  close(): Promise<void>;
}

/** Least jobs of one batch, where there are as many: waking a thread costs as much as handing over several. */
const SMALL_BATCH = 4;

/** Most bytes of messages in one batch, unless the first alone has more. */
const MAX_BATCH_BYTES = 262_144;

/** Starts the threads. They hold copies of the private keys that are used with them until {@link EnvelopePool.close}. */
export function createEnvelopePool({ provider, workers = availableParallelism() }: EnvelopePoolOptions): EnvelopePool {
  if (!Number.isSafeInteger(workers) || workers < 1) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', 'workers is a number from 1');
  }
  const waiting: PoolJob[] = [];
  let next = 1;
  let closing: Promise<void> | undefined;
  let onIdle = () => {};
  const start = () => new PoolWorker(provider, { onRoom: feed, onSettled });
  const threads = Array.from({ length: workers }, start);

  /**
   * What waits goes to the threads, the one with the least to do first. Each is given its share, a batch at most, and the
   * next before it is through: the last batches are small, so that a thread whose core is slowed down by other work does
   * not hold up the end.
   */
  function feed(): void {
    while (waiting.length > 0) {
      for (const [i, { dead }] of threads.entries()) if (dead) threads[i] = start();
      const worker = threads.reduce((least, each) => (each.load < least.load ? each : least));
      if (worker.load > BATCH) return;
      const share = Math.min(BATCH, Math.max(SMALL_BATCH, Math.ceil(waiting.length / threads.length)));
      worker.take(waiting.splice(0, withinBytes(waiting, share)));
    }
  }

  function submit<T>(toJob: (resolve: (value: T) => void, reject: (error: unknown) => void) => PoolJob): Promise<T> {
    if (closing) return Promise.reject(new SealMQError('USAGE_CLOSED', 'the pool is closed'));
    return new Promise<T>((resolve, reject) => {
      const job = toJob(resolve, reject);
      if (!(job.bytes instanceof Uint8Array)) throw new SealMQError('USAGE_INVALID_ARGUMENT', 'not bytes');
      const waits = waiting.push(job);
      if (waits === 1) setImmediate(feed);
      else if (waits % (BATCH * threads.length) === 0) feed();
    });
  }

  function onSettled(): void {
    if (waiting.length === 0 && threads.every((each) => each.idle)) onIdle();
  }

  return {
    seal: (draft, keys) =>
      submit((resolve, reject) => ({ n: next++, verb: 'seal', bytes: draft.payload, draft, keys, resolve, reject })),
    open: (sealed, context) =>
      submit((resolve, reject) => ({ n: next++, verb: 'open', bytes: sealed, context, resolve, reject })),
    close() {
      closing ??= (async () => {
        const idle = new Promise<void>((resolve) => {
          onIdle = resolve;
        });
        onSettled();
        await idle;
        await Promise.all(threads.map((each) => each.terminate()));
      })();
      return closing;
    },
  };
}

/** How many of the first `most` jobs go in one batch, at least one. */
function withinBytes(jobs: readonly PoolJob[], most: number): number {
  let bytes = 0;
  for (let count = 0; count < most; count++) {
    bytes += jobs[count]?.bytes.length ?? 0;
    if (bytes > MAX_BATCH_BYTES) return Math.max(1, count);
  }
  return most;
}
