import { Worker } from 'node:worker_threads';
import type { CryptoProvider, PrivateKey } from '../../crypto/provider.js';
import type { Awaitable } from '../../crypto/steps.js';
import { SealMQError } from '../../errors.js';
import {
  type Answer,
  type FromWorker,
  inBatches,
  type Job,
  type KeyHandOver,
  type Question,
  type Result,
} from './jobs.js';

/** Who hears of a worker. */
export interface PoolWorkerListener {
  onResult(result: Result): void;
  onQuestion(question: Question): Promise<Answer>;
  onDeath(worker: PoolWorker, error: unknown): void;
}

/** A message to a worker that is being put together. */
interface Due {
  readonly keys: KeyHandOver[];
  readonly jobs: Job[];
  readonly answers: Answer[];
}

/** One worker thread, and what is due to it: what one turn of the loop brings goes in few messages. */
export class PoolWorker {
  /** Whether the thread has ended, by itself or on demand. */
  dead = false;
  #load = 0;
  readonly #provider: CryptoProvider;
  readonly #worker: Worker;
  readonly #keyIds = new WeakMap<PrivateKey, Awaitable<number>>();
  #keys = 0;
  readonly #send = inBatches<Due>(
    () => ({ keys: [], jobs: [], answers: [] }),
    (message) => {
      this.#worker.postMessage(message);
      for (const { coseKey } of message.keys) coseKey.fill(0);
    },
  );

  constructor(provider: CryptoProvider, listener: PoolWorkerListener) {
    this.#provider = provider;
    this.#worker = new Worker(new URL('./envelope-worker.js', import.meta.url));
    this.#worker.unref();
    this.#worker.on('message', ({ results, questions }: FromWorker) => {
      for (const result of results) listener.onResult(result);
      for (const question of questions) {
        void listener.onQuestion(question).then((answer) => this.#send((due) => due.answers.push(answer)));
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
  keyId(key: PrivateKey): Awaitable<number> {
    const known = this.#keyIds.get(key);
    if (known !== undefined) return known;
    const handing = this.#handOver(key);
    this.#keyIds.set(key, handing);
    return handing;
  }

  post(job: Job): void {
    this.#send((due) => due.jobs.push(job));
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  async #handOver(key: PrivateKey): Promise<number> {
    const coseKey = await this.#provider.exportPrivateKey(key);
    const id = ++this.#keys;
    this.#keyIds.set(key, id);
    this.#send((due) => due.keys.push({ id, algorithm: key.algorithm, coseKey }));
    return id;
  }
}
