import { availableParallelism } from 'node:os';
import { encodePublicKey, type PublicKey } from '../../cose/key.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { type Awaitable, after } from '../../crypto/steps.js';
import { SealMQError } from '../../errors.js';
import type { Draft, OpenContext, OpenOutcome, SealKeys } from '../../protocol/envelope/index.js';
import { type Answer, BATCH, errorOf, failureOf, fromWire, type Job, type Question, type Result } from './jobs.js';
import { PoolWorker } from './pool-worker.js';

/** How a pool is made. */
export interface EnvelopePoolOptions {
  /** The provider that the keys belong to; they must be extractable. */
  readonly provider: CryptoProvider;
  /** Worker threads; default one for each core. */
  readonly workers?: number;
}

/** `seal` and `open` on several cores (Node only): for services that seal or open in bulk. Messages of one turn go in batches. */
export interface EnvelopePool {
  /**
   * As the function `seal`.
   *
   * @throws as `seal`; `USAGE_KEY_NOT_EXTRACTABLE`; `USAGE_CLOSED`; `STATE_UNAVAILABLE` when the worker died
   */
  seal(draft: Draft, keys: SealKeys): Promise<Uint8Array>;
  /** As the function `open`; `senderKey` runs here, not in the worker. @throws as {@link EnvelopePool.seal} */
  open(sealed: Uint8Array, context: OpenContext): Promise<OpenOutcome>;
  /** Waits for what is under way, then ends the threads. */
  close(): Promise<void>;
}

/**
 * Jobs that a thread has at most; the others wait for whichever is through first, since a core that other work slows down
 * would hold up its half. Several batches, so that a thread has one while another is on its way.
 */
const ROOM = 2 * BATCH;

interface Pending {
  readonly n: number;
  readonly toJob: (n: number, worker: PoolWorker) => Awaitable<Job>;
  readonly senderKey?: OpenContext['senderKey'];
  /** Who has it; none while it waits for a thread with room. */
  worker?: PoolWorker;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

/** Starts the threads. They hold copies of the private keys that are used with them until {@link EnvelopePool.close}. */
export function createEnvelopePool({ provider, workers = availableParallelism() }: EnvelopePoolOptions): EnvelopePool {
  if (!Number.isSafeInteger(workers) || workers < 1) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', 'workers is a number from 1');
  }
  const pending = new Map<number, Pending>();
  const waiting: Pending[] = [];
  const exported = new WeakMap<PublicKey, Uint8Array>();
  let next = 1;
  let closing: Promise<void> | undefined;
  let onIdle = () => {};
  const start = () => new PoolWorker(provider, { onResult, onQuestion, onDeath });
  const threads = Array.from({ length: workers }, start);

  function onResult(result: Result): void {
    settle(result.n)?.resolve(result);
    feed();
  }

  function settle(n: number): Pending | undefined {
    const job = pending.get(n);
    pending.delete(n);
    job?.worker?.release();
    if (pending.size === 0) onIdle();
    return job;
  }

  async function onQuestion({ n, from, kid, issuedAt }: Question): Promise<Answer> {
    try {
      const sender = await pending.get(n)?.senderKey?.(from, kid, issuedAt);
      if (!sender) return { n, refused: 'unknown-sender' };
      if ('refused' in sender) return { n, refused: sender.refused };
      return { ...sender, n, key: encoded(sender.key) };
    } catch (error) {
      return { n, failed: failureOf(error) };
    }
  }

  /** A thread that died takes its jobs with it. */
  function onDeath(worker: PoolWorker, error: unknown): void {
    for (const [n, job] of pending) if (job.worker === worker) onResult({ n, failed: failureOf(error) });
  }

  function encoded(key: PublicKey): Uint8Array {
    const known = exported.get(key);
    if (known) return known;
    const fresh = encodePublicKey(key);
    exported.set(key, fresh);
    return fresh;
  }

  /** What waits goes to the threads, the one with the least to do first, as far as they have room. */
  function feed(): void {
    while (waiting.length > 0) {
      for (const [i, { dead }] of threads.entries()) if (dead) threads[i] = start();
      const worker = threads.reduce((least, each) => (each.load < least.load ? each : least));
      if (worker.load >= ROOM) return;
      const job = waiting.shift() as Pending;
      job.worker = worker;
      worker.take();
      post(job, worker);
    }
  }

  /** At once where the keys are known there: it spares each message a turn of promises. */
  function post({ n, toJob }: Pending, worker: PoolWorker): void {
    const failed = (error: unknown) => settle(n)?.reject(error);
    try {
      const made = toJob(n, worker);
      if (made instanceof Promise) made.then((job) => worker.post(job)).catch(failed);
      else worker.post(made);
    } catch (error) {
      failed(error);
    }
  }

  async function run(toJob: Pending['toJob'], senderKey?: OpenContext['senderKey']): Promise<Result> {
    if (closing) throw new SealMQError('USAGE_CLOSED', 'the pool is closed');
    const n = next++;
    const result = await new Promise<Result>((resolve, reject) => {
      const job = { n, toJob, resolve, reject, ...(senderKey && { senderKey }) };
      pending.set(n, job);
      waiting.push(job);
      feed();
    });
    if ('failed' in result) throw errorOf(result.failed);
    return result;
  }

  return {
    async seal(draft, { signKey, recipients }) {
      const copied = { ...draft, payload: alone(draft.payload) };
      const result = await run((n, worker) =>
        after(worker.keyId(signKey), (id) => ({
          ...{ kind: 'seal', n, draft: copied, signKey: id, recipients: recipients.map(encoded) },
        })),
      );
      return (result as { sealed: Uint8Array }).sealed;
    },
    async open(sealed, { keys, senderKey, ...context }) {
      const copied = alone(sealed);
      const result = await run(
        (n, worker) =>
          after(allOf(keys.map((key) => worker.keyId(key))), (ids) => ({
            ...{ kind: 'open', n, sealed: copied, context, keys: ids },
          })),
        senderKey,
      );
      return fromWire((result as Extract<Result, { outcome: unknown }>).outcome);
    },
    close() {
      closing ??= (async () => {
        if (pending.size > 0) await new Promise<void>((resolve) => (onIdle = resolve));
        await Promise.all(threads.map((each) => each.terminate()));
      })();
      return closing;
    },
  };
}

function allOf(ids: readonly Awaitable<number>[]): Awaitable<readonly number[]> {
  return ids.every((id) => typeof id === 'number') ? ids : Promise.all(ids);
}

/** Bytes in memory of their own: of a view into something larger, the whole would be copied to the worker. */
function alone(bytes: Uint8Array): Uint8Array {
  return bytes instanceof Uint8Array && bytes.length < bytes.buffer.byteLength ? new Uint8Array(bytes) : bytes;
}
