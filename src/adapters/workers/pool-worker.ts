import { Worker } from 'node:worker_threads';
import type { CryptoProvider, PrivateKey } from '../../crypto/provider.js';
import { SealMQError } from '../../errors.js';
import type { Answer, FromWorker, Job, KeyHandOver, Question, Result } from './jobs.js';

/** Who hears of a worker. */
export interface PoolWorkerListener {
  onResult(result: Result): void;
  onQuestion(question: Question): Promise<Answer>;
  onDeath(worker: PoolWorker, error: unknown): void;
}

/** One worker thread, and what is due to it: all of one turn goes in one message. */
export class PoolWorker {
  /** Whether the thread has ended, by itself or on demand. */
  dead = false;
  #load = 0;
  readonly #provider: CryptoProvider;
  readonly #worker: Worker;
  readonly #keyIds = new WeakMap<PrivateKey, Promise<number>>();
  #keys = 0;
  #due: { keys: KeyHandOver[]; jobs: Job[]; answers: Answer[] } | undefined;

  constructor(provider: CryptoProvider, listener: PoolWorkerListener) {
    this.#provider = provider;
    this.#worker = new Worker(new URL('./envelope-worker.js', import.meta.url));
    this.#worker.unref();
    this.#worker.on('message', ({ results, questions }: FromWorker) => {
      for (const result of results) listener.onResult(result);
      for (const question of questions) {
        void listener.onQuestion(question).then((answer) => this.#outgoing().answers.push(answer));
      }
    });
    const died = (error: unknown) => {
      this.dead = true;
      listener.onDeath(this, error);
    };
    this.#worker.on('error', died);
    this.#worker.on('exit', () => died(new SealMQError('STATE_UNAVAILABLE', 'the worker has ended')));
  }

  /** Jobs that it has. */
  get load(): number {
    return this.#load;
  }

  /** A job begins: while there is one, the thread keeps the process alive. */
  take(): void {
    if (this.#load++ === 0) this.#worker.ref();
  }

  /** A job is over. */
  release(): void {
    if (--this.#load === 0) this.#worker.unref();
  }

  /** The id of a private key in the worker; hands it over when it is new there. @throws `USAGE_KEY_NOT_EXTRACTABLE` */
  keyId(key: PrivateKey): Promise<number> {
    const known = this.#keyIds.get(key) ?? this.#handOver(key);
    this.#keyIds.set(key, known);
    return known;
  }

  post(job: Job): void {
    this.#outgoing().jobs.push(job);
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  async #handOver(key: PrivateKey): Promise<number> {
    const coseKey = await this.#provider.exportPrivateKey(key);
    const id = ++this.#keys;
    this.#outgoing().keys.push({ id, algorithm: key.algorithm, coseKey });
    return id;
  }

  #outgoing() {
    if (!this.#due) {
      this.#due = { keys: [], jobs: [], answers: [] };
      queueMicrotask(() => setImmediate(() => this.#flush()));
    }
    return this.#due;
  }

  #flush(): void {
    this.#worker.postMessage(this.#due);
    for (const { coseKey } of this.#due?.keys ?? []) coseKey.fill(0);
    this.#due = undefined;
  }
}
