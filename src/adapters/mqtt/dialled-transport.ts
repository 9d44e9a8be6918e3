import { isSealMQError, SealMQError } from '../../errors.js';
import { pauseFor } from '../../pause.js';
import type {
  ConnectionState,
  PublishOptions,
  SubscribeOptions,
  Transport,
  TransportHandlers,
} from '../../ports/transport.js';
import { createBackoff } from './backoff.js';
import { type CredentialSource, credentialSource } from './credentials.js';
import { createDialler, type Dialler } from './dialler.js';
import type { Link, LinkHandlers, Loss } from './link.js';
import { createOpening, type Opening } from './opening.js';
import type { DialOptions } from './options.js';
import { attemptCause } from './reasons.js';
import { createReport } from './report.js';
import { createSubscriptions, type Subscriptions } from './subscriptions.js';

/** An `open` that failed for one of these will not get better by itself. */
const HOPELESS = ['TRANSPORT_REFUSED', 'USAGE_INVALID_ARGUMENT'];

const RENEWAL: Loss = { cause: 'renewal', reason: 'to show new credentials' };

/** A transport that makes its own connections, each with a client of its own, until it is closed. */
export class DialledTransport implements Transport {
  readonly #credentials: CredentialSource;
  readonly #dialler: Dialler;
  readonly #backoff;
  readonly #mostInHand: number | undefined;
  readonly #opening: Opening;
  #phase: 'new' | 'on' | 'paused' | 'closed' = 'new';
  #handlers: LinkHandlers = { up: () => {}, owns: () => false, deliver: async () => {} };
  #report: (news: ConnectionState) => void = () => {};
  #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #link: Link | undefined;
  readonly #subscriptions: Subscriptions;

  constructor(options: DialOptions) {
    this.#credentials = credentialSource(options);
    this.#dialler = createDialler(options, this.#credentials);
    this.#subscriptions = createSubscriptions(options.shareGroup);
    this.#mostInHand = options.mostInHand;
    this.#backoff = createBackoff(options.random ?? Math.random);
    this.#opening = createOpening(options.connectTimeout * options.urls.length);
  }

  async open(filters: readonly string[], handlers: TransportHandlers): Promise<void> {
    if (this.#phase !== 'new') throw new SealMQError('USAGE_CLOSED', 'a transport is opened once');
    this.#subscriptions.begin(filters);
    this.#handlers = {
      up: (link) => this.#up(link),
      owns: (topic) => this.#subscriptions.owns(topic),
      deliver: (topic, payload) => handlers.message(topic, payload),
      will: async () => handlers.will?.(),
      mostInHand: this.#mostInHand,
    };
    this.#report = createReport(handlers);
    this.#opening.waiting();
    this.#start();
    return this.#opening.done;
  }

  publish(topic: string, payload: Uint8Array, options: PublishOptions): Promise<void> {
    if (this.#link === undefined) return Promise.reject(new SealMQError('TRANSPORT_CLOSED', 'not connected'));
    return this.#link.publisher.publish(topic, payload, options);
  }

  subscribe(filters: readonly string[], options?: SubscribeOptions): Promise<void> {
    return this.#subscriptions.add(filters, options);
  }

  unsubscribe(filters: readonly string[]): Promise<void> {
    return this.#subscriptions.remove(filters);
  }

  async pause(): Promise<void> {
    if (this.#phase === 'on') {
      this.#phase = 'paused';
      this.#stop.abort({ cause: 'paused', reason: 'on purpose' } satisfies Loss);
    }
    return this.#running;
  }

  resume(): void {
    if (this.#phase !== 'paused') return;
    this.#backoff.reset();
    this.#start();
  }

  async close(): Promise<void> {
    this.#finish(new SealMQError('TRANSPORT_CLOSED', 'closed'));
    await this.#running;
    this.#report({ state: 'closed' });
  }

  #start(): void {
    this.#phase = 'on';
    const stop = new AbortController();
    this.#stop = stop;
    this.#running = this.#running.then(() => this.#keepConnected(stop.signal));
  }

  #finish(error: SealMQError): void {
    this.#phase = 'closed';
    this.#subscriptions.close();
    const cause = error.code === 'TRANSPORT_CLOSED' ? 'closed' : attemptCause(error);
    this.#stop.abort({ cause, reason: error.message } satisfies Loss);
    this.#opening.fail(error);
  }

  async #keepConnected(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#report({ state: 'connecting' });
      const { held, ...loss } = await this.#connectOnce(signal);
      const { cause, reason } = signal.aborted ? (signal.reason as Loss) : loss;
      this.#report({ state: 'disconnected', cause, reason });
      if (cause === 'renewal') continue;
      await pauseFor(this.#backoff.after({ held, contested: cause === 'taken-over' }), signal);
    }
    if (this.#phase === 'closed') this.#report({ state: 'closed' });
  }

  /** From the first packet to the end of the connection. */
  async #connectOnce(signal: AbortSignal): Promise<Loss & { held: number }> {
    const renewal = new AbortController();
    const end = AbortSignal.any([signal, renewal.signal]);
    const attempt = await this.#dialler.dial(this.#handlers, end);
    if (attempt.kind === 'failed') {
      this.#failed(attempt.error);
      return { reason: attempt.error.message, cause: attempt.cause, held: 0 };
    }
    const since = performance.now();
    const over = new AbortController();
    void this.#credentials.renewed(over.signal).then((due) => due && renewal.abort());
    const loss = await attempt.link.lost;
    over.abort();
    this.#link = undefined;
    this.#subscriptions.lost();
    this.#opening.waiting();
    const why = renewal.signal.aborted ? RENEWAL : loss;
    return { ...why, held: performance.now() - since };
  }

  #up(link: Link): void {
    this.#link = link;
    this.#opening.answered();
    void this.#subscribe(link);
    this.#report({ state: 'connected', sessionPresent: link.sessionPresent });
  }

  /** The first `open` tells of a denial; later ones may heal, with new credentials for instance. */
  #failed(error: SealMQError): void {
    if (this.#opening.pending && HOPELESS.includes(error.code)) this.#finish(error);
    else this.#opening.waiting(error);
  }

  /** Never rejects. The packet is on its way when this returns, before anything that is published on `connected`. */
  async #subscribe(link: Link): Promise<void> {
    try {
      await this.#subscriptions.renew(link.client, link.sessionPresent);
      this.#opening.succeed();
    } catch (error) {
      // Otherwise the connection is over, and the next one tries again.
      if (!isSealMQError(error, 'TRANSPORT_REFUSED')) return;
      this.#failed(error);
      link.cut(error);
    }
  }
}
