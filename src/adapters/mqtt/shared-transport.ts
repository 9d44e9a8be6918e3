import type { IConnackPacket, MqttClient } from 'mqtt';
import { isSealMQError, SealMQError } from '../../errors.js';
import type {
  ConnectionState,
  PublishOptions,
  SubscribeOptions,
  Transport,
  TransportHandlers,
} from '../../ports/transport.js';
import type { Verdict } from './handovers.js';
import { hookIntake, verdictOf } from './intake.js';
import { type Loss, withoutDelay } from './link.js';
import { createOpening, type Opening } from './opening.js';
import { createPublisher, type Publisher } from './publisher.js';
import { attemptCause, connectError, disconnectError, lossCause } from './reasons.js';
import { createReport } from './report.js';
import { createSubscriptions } from './subscriptions.js';

/**
 * A transport over an application's own client. The client keeps its options, its reconnecting, its events and what it has
 * in flight; only messages on our topics take our way, and only our own publishes are taken back when the connection ends.
 */
export class SharedTransport implements Transport {
  readonly #client: MqttClient;
  readonly #opening: Opening;
  #phase: 'new' | 'on' | 'paused' | 'closed' = 'new';
  #report: (news: ConnectionState) => void = () => {};
  #publisher: Publisher | undefined;
  readonly #subscriptions = createSubscriptions();
  /** Messages came in while we were paused; the broker sends them again on the next connection only. */
  #skipped = false;
  #trouble: Error | undefined;
  #detach: () => void = () => {};

  /** @throws `USAGE_CLIENT_CONNECTED` */
  constructor(client: MqttClient, connectTimeout: number) {
    checkUnconnected(client);
    this.#client = client;
    this.#opening = createOpening(connectTimeout);
  }

  async open(filters: readonly string[], handlers: TransportHandlers): Promise<void> {
    if (this.#phase !== 'new') throw new SealMQError('USAGE_CLOSED', 'a transport is opened once');
    checkUnconnected(this.#client);
    checkWill(handlers);
    this.#phase = 'on';
    this.#subscriptions.begin(filters);
    this.#report = createReport(handlers);
    this.#attach((topic) => this.#subscriptions.owns(topic), handlers);
    this.#opening.waiting();
    this.#report({ state: 'connecting' });
    this.#client.connect();
    return this.#opening.done;
  }

  publish(topic: string, payload: Uint8Array, options: PublishOptions): Promise<void> {
    if (this.#publisher === undefined) return Promise.reject(new SealMQError('TRANSPORT_CLOSED', 'not connected'));
    return this.#publisher.publish(topic, payload, options);
  }

  /** Others publish by the application's client as well, and are heard: nothing is kept from coming back. */
  subscribe(filters: readonly string[], _options?: SubscribeOptions): Promise<void> {
    return this.#subscriptions.add(filters);
  }

  unsubscribe(filters: readonly string[]): Promise<void> {
    return this.#subscriptions.remove(filters);
  }

  /** The connection is the application's: we only stop taking and acknowledging messages, and publishing. */
  async pause(): Promise<void> {
    if (this.#phase !== 'on') return;
    this.#phase = 'paused';
    this.#disconnected({ cause: 'paused', reason: 'on purpose' });
  }

  resume(): void {
    if (this.#phase !== 'paused') return;
    this.#phase = 'on';
    if (this.#skipped) this.#client.stream.destroy();
    else if (this.#client.connected) this.#connected(true);
  }

  async close(): Promise<void> {
    this.#finish(new SealMQError('TRANSPORT_CLOSED', 'closed'));
  }

  #attach(owns: (topic: string) => boolean, handlers: TransportHandlers): void {
    const client = this.#client;
    const take = (topic: string, payload: Uint8Array) => this.#take(() => handlers.message(topic, payload));
    const unhook = hookIntake(client, { owns, take });
    const listeners = {
      connect: (connack: IConnackPacket) => this.#onConnect(connack),
      reconnect: () => this.#phase === 'on' && this.#report({ state: 'connecting' }),
      error: (error: Error) => this.#onError(error),
      disconnect: (packet: { reasonCode?: number }) => this.#onError(disconnectError(packet.reasonCode)),
      close: () => this.#onClose(),
    };
    for (const [event, listener] of Object.entries(listeners)) client.on(event as 'close', listener as () => void);
    this.#detach = () => {
      unhook();
      for (const [event, listener] of Object.entries(listeners)) client.off(event as 'close', listener as () => void);
    };
  }

  #take(deliver: () => Promise<void> | undefined): Verdict | Promise<Verdict> {
    // What follows a skipped message is skipped too, even after a resume: it all comes again, in order.
    if (this.#phase === 'paused' || this.#skipped) return this.#skip();
    return verdictOf(deliver, (error) => {
      if (this.#phase !== 'on') return this.#skip();
      this.#trouble ??= new SealMQError('TRANSPORT_CLOSED', 'a received message was not taken', error);
      this.#client.stream.destroy();
      return 'stop';
    });
  }

  #skip(): Verdict {
    this.#skipped = true;
    return 'skip';
  }

  #onConnect(connack: IConnackPacket): void {
    withoutDelay(this.#client.stream);
    this.#skipped = false;
    this.#trouble = undefined;
    this.#opening.answered();
    void this.#subscribe(connack.sessionPresent);
    if (this.#phase === 'on') this.#connected(connack.sessionPresent);
  }

  #connected(sessionPresent: boolean): void {
    this.#publisher = createPublisher(this.#client, { isShared: true });
    this.#report({ state: 'connecting' });
    this.#report({ state: 'connected', sessionPresent });
  }

  #onError(error: Error): void {
    this.#trouble ??= error;
    const failure = connectError(error);
    if (this.#client.connected || !this.#opening.pending) return;
    if (failure.code === 'TRANSPORT_REFUSED') this.#finish(failure);
    else this.#opening.waiting(failure);
  }

  #onClose(): void {
    this.#skipped = false;
    this.#subscriptions.lost();
    this.#opening.waiting();
    const trouble = this.#trouble;
    const cause = this.#publisher === undefined ? attemptCause(connectError(trouble)) : lossCause(trouble);
    this.#disconnected({ cause, reason: trouble?.message ?? 'the connection was closed' });
    this.#trouble = undefined;
  }

  #disconnected(loss: Loss): void {
    this.#publisher?.abandon(loss.reason);
    this.#publisher = undefined;
    this.#report({ state: 'disconnected', ...loss });
  }

  /** Never rejects. */
  async #subscribe(sessionPresent: boolean): Promise<void> {
    try {
      await this.#subscriptions.renew(this.#client, sessionPresent);
      this.#opening.succeed();
    } catch (error) {
      // Otherwise the connection is over, and the next one tries again.
      if (!isSealMQError(error, 'TRANSPORT_REFUSED')) return;
      if (this.#opening.pending) this.#finish(error);
      else this.#disconnected({ cause: 'refused', reason: error.message });
    }
  }

  #finish(error: SealMQError): void {
    this.#phase = 'closed';
    this.#subscriptions.close();
    this.#detach();
    this.#publisher?.abandon('closed');
    this.#publisher = undefined;
    this.#opening.fail(error);
    this.#report({ state: 'closed' });
  }
}

/** Mail that the broker had queued would have been acknowledged before anybody could store it. */
function checkUnconnected(client: MqttClient): void {
  const idle = client.stream === undefined || (client.disconnected && !client.connected && !client.reconnecting);
  if (idle) return;
  const advice = 'hand the client over before it connects: mqtt.connect(url, { manualConnect: true })';
  throw new SealMQError('USAGE_CLIENT_CONNECTED', advice);
}

function checkWill({ will }: TransportHandlers): void {
  if (will === undefined) return;
  const advice = "a client of your own keeps its own will: hand over the broker's address, or set no will here";
  throw new SealMQError('USAGE_INVALID_ARGUMENT', advice);
}
