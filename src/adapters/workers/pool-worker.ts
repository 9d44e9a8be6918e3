import { Worker } from 'node:worker_threads';
import type { CryptoProvider, PrivateKey } from '../../crypto/provider.js';
import { SealMQError } from '../../errors.js';
import type { OpenContext } from '../../protocol/envelope/index.js';
import { encoded, openBatch, sealBatch } from './batches.js';
import { apart } from './gather.js';
import {
  type Answer,
  errorOf,
  type FromWorker,
  failureOf,
  fromWire,
  type PoolJob,
  type Question,
  type Result,
  type Sender,
  type ToWorker,
  type WireOutcome,
} from './jobs.js';

/** Who hears of a worker. */
export interface PoolWorkerListener {
  /** It has been through some of its jobs. */
  onRoom(): void;
  /** Some of its jobs are over. */
  onSettled(): void;
}

/** One worker thread, and the jobs that it has. */
export class PoolWorker {
  /** Whether the thread has ended, by itself or on demand. */
  dead = false;
  /** Jobs that it has not been through yet. */
  load = 0;
  readonly #provider: CryptoProvider;
  readonly #listener: PoolWorkerListener;
  readonly #worker = new Worker(new URL('./envelope-worker.js', import.meta.url));
  readonly #pending = new Map<number, PoolJob>();
  /** The id of each private key in the worker, or why it is not there. */
  readonly #keyIds = new WeakMap<PrivateKey, number | { readonly error: unknown } | Promise<void>>();
  #keys = 0;
  #answers: Answer[] = [];

  constructor(provider: CryptoProvider, listener: PoolWorkerListener) {
    this.#provider = provider;
    this.#listener = listener;
    this.#worker.unref();
    this.#worker.on('message', (message: FromWorker) => this.#onMessage(message));
    this.#worker.on('error', (error) => this.#onDeath(error));
    this.#worker.on('exit', () => this.#onDeath(new SealMQError('STATE_UNAVAILABLE', 'the worker has ended')));
  }

  /** Whether none of its jobs is under way. */
  get idle(): boolean {
    return this.#pending.size === 0;
  }

  /** Gives it jobs. While it has any, the thread keeps the process alive. */
  take(jobs: readonly PoolJob[]): void {
    if (this.idle) this.#worker.ref();
    this.load += jobs.length;
    for (const job of jobs) this.#pending.set(job.n, job);
    this.#handIn(
      jobs.filter((job) => job.verb === 'seal'),
      ({ keys }) => [keys.signKey],
      sealBatch,
    );
    this.#handIn(
      jobs.filter((job) => job.verb === 'open'),
      ({ context }) => context.keys,
      openBatch,
    );
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  /** Posts jobs as soon as the thread has their private keys. One that cannot go does not keep the others back. */
  #handIn<Job extends PoolJob>(
    jobs: readonly Job[],
    keysOf: (job: Job) => readonly PrivateKey[],
    toBatch: (jobs: readonly Job[], keyId: (key: PrivateKey) => number) => readonly [ToWorker, ArrayBuffer],
  ): void {
    if (jobs.length === 0 || this.dead) return;
    try {
      const keys = new Set(jobs.flatMap(keysOf));
      const handing = [...keys].flatMap((key) => this.#handOver(key));
      if (handing.length > 0) {
        void Promise.all(handing).then(() => this.#handIn(jobs, keysOf, toBatch));
        return;
      }
      const [batch, buffer] = toBatch(jobs, (key) => this.#keyId(key));
      this.#post(batch, [buffer]);
    } catch (error) {
      const [job, ...others] = jobs;
      if (others.length > 0) for (const each of jobs) this.#handIn([each], keysOf, toBatch);
      else if (job) this.#refuse(job, error);
    }
  }

  /** Nothing where the key is there, or will never be. */
  #handOver(key: PrivateKey): readonly Promise<void>[] {
    const known = this.#keyIds.get(key);
    if (known instanceof Promise) return [known];
    if (known !== undefined) return [];
    const handing = this.#export(key).then(
      (id) => void this.#keyIds.set(key, id),
      (error) => void this.#keyIds.set(key, { error }),
    );
    this.#keyIds.set(key, handing);
    return [handing];
  }

  async #export(key: PrivateKey): Promise<number> {
    const coseKey = await this.#provider.exportPrivateKey(key);
    const id = ++this.#keys;
    this.#post({ kind: 'key', id, algorithm: key.algorithm, coseKey });
    coseKey.fill(0);
    return id;
  }

  #keyId(key: PrivateKey): number {
    const known = this.#keyIds.get(key);
    if (typeof known !== 'number') throw (known as { error: unknown }).error;
    return known;
  }

  #post(message: ToWorker, transfer: readonly ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  #onMessage({ through, ns, results, questions }: FromWorker): void {
    this.load -= through;
    // First what keeps the thread busy.
    this.#listener.onRoom();
    for (const question of questions) void this.#answer(question);
    for (const [i, n] of ns.entries()) this.#settle(n, results[i] as Result);
    this.#released();
  }

  async #answer({ id, n, from, kid, issuedAt }: Question): Promise<void> {
    const answer = await this.#senderKey(n, from, kid, issuedAt).catch((error) => ({ failed: failureOf(error) }));
    if (this.#answers.push({ ...answer, id }) === 1) setImmediate(() => this.#postAnswers());
  }

  async #senderKey(n: number, ...asked: Parameters<OpenContext['senderKey']>): Promise<Sender> {
    const job = this.#pending.get(n);
    const sender = job?.verb === 'open' && (await job.context.senderKey(...asked));
    if (!sender) return { refused: 'unknown-sender' };
    if ('refused' in sender) return { refused: sender.refused };
    const { key, device } = sender;
    return { key: encoded(key), ...(device !== undefined && { device }) };
  }

  #postAnswers(): void {
    this.#post({ kind: 'answers', answers: this.#answers });
    this.#answers = [];
  }

  #settle(n: number, result: Result): void {
    const job = this.#pending.get(n);
    this.#pending.delete(n);
    if (!job) return;
    if ('failed' in result) job.reject(errorOf(result.failed));
    else if (job.verb === 'seal') job.resolve((result as Uint8Array).slice());
    else job.resolve(fromWire(apart(result as WireOutcome)));
  }

  /** What could not go to the thread. */
  #refuse(job: PoolJob, error: unknown): void {
    this.load -= 1;
    this.#pending.delete(job.n);
    job.reject(error);
    this.#listener.onRoom();
    this.#released();
  }

  #released(): void {
    if (this.idle) this.#worker.unref();
    this.#listener.onSettled();
  }

  /** A thread that died takes its jobs with it. */
  #onDeath(error: unknown): void {
    this.dead = true;
    this.load = 0;
    const failed = failureOf(error);
    for (const n of [...this.#pending.keys()]) this.#settle(n, { failed });
    this.#listener.onRoom();
    this.#released();
  }
}
