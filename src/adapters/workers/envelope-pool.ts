import { availableParallelism } from 'node:os';
import { encodePublicKey, type PublicKey } from '../../cose/key.js';
import type { CryptoProvider, PrivateKey } from '../../crypto/provider.js';
import { SealMQError } from '../../errors.js';
import type { Draft, OpenContext, OpenOutcome, SealKeys } from '../../protocol/envelope/index.js';
import { type Answer, errorOf, failureOf, fromWire, type Job, type Question, type Result } from './jobs.js';
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

interface Pending {
  readonly worker: PoolWorker;
  readonly senderKey?: OpenContext['senderKey'];
  resolve(result: Result): void;
}

/** Starts the threads. They hold copies of the private keys that are used with them until {@link EnvelopePool.close}. */
export function createEnvelopePool({ provider, workers = availableParallelism() }: EnvelopePoolOptions): EnvelopePool {
  if (!Number.isSafeInteger(workers) || workers < 1) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', 'workers is a number from 1');
  }
  const pending = new Map<number, Pending>();
  const exported = new WeakMap<PublicKey, Uint8Array>();
  let next = 1;
  let closing: Promise<void> | undefined;
  const start = () => new PoolWorker(provider, { onResult, onQuestion, onDeath });
  const threads = Array.from({ length: workers }, start);

  function onResult(result: Result): void {
    const job = pending.get(result.n);
    pending.delete(result.n);
    job?.resolve(result);
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

  /** Hands a job to the thread with the least to do. */
  async function run(toJob: (n: number, worker: PoolWorker) => Promise<Job>, senderKey?: OpenContext['senderKey']) {
    if (closing) throw new SealMQError('USAGE_CLOSED', 'the pool is closed');
    for (const [i, { dead }] of threads.entries()) if (dead) threads[i] = start();
    const worker = threads.reduce((least, each) => (each.load < least.load ? each : least));
    const n = next++;
    const result = new Promise<Result>((resolve) =>
      pending.set(n, { worker, resolve, ...(senderKey && { senderKey }) }),
    );
    worker.take();
    try {
      worker.post(await toJob(n, worker));
      const settled = await result;
      if ('failed' in settled) throw errorOf(settled.failed);
      return settled;
    } finally {
      pending.delete(n);
      worker.release();
    }
  }

  return {
    async seal(draft, { signKey, recipients }) {
      const result = await run(async (n, worker) => ({
        ...{ kind: 'seal', n, draft, recipients: recipients.map(encoded) },
        signKey: await worker.keyId(signKey),
      }));
      return (result as { sealed: Uint8Array }).sealed;
    },
    async open(sealed, { keys, senderKey, ...context }) {
      const result = await run(async (n, worker) => {
        const ids = await Promise.all(keys.map((key: PrivateKey) => worker.keyId(key)));
        return { kind: 'open', n, sealed, context, keys: ids };
      }, senderKey);
      return fromWire((result as Extract<Result, { outcome: unknown }>).outcome);
    },
    close() {
      closing ??= (async () => {
        while (pending.size > 0) await new Promise((resolve) => setImmediate(resolve));
        await Promise.all(threads.map((each) => each.terminate()));
      })();
      return closing;
    },
  };
}
