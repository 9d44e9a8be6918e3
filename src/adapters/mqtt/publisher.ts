import type { IClientPublishOptions, MqttClient } from 'mqtt';
import { utf8 } from '../../bytes/bytes.js';
import { SealMQError } from '../../errors.js';
import type { PublishOptions } from '../../ports/transport.js';
import { createOutflow, type Outflow } from './outflow.js';
import { publishHead } from './publish-packet.js';
import { publishRefusal, reasonCode } from './reasons.js';

/** Publishes on one connection and knows what of it is still unacknowledged. */
export interface Publisher {
  /** Resolves when the broker has acknowledged. @throws `TRANSPORT_CLOSED`, `TRANSPORT_REFUSED`, `TRANSPORT_UNREACHABLE` when it may take it later */
  publish(topic: string, payload: Uint8Array, options: PublishOptions): Promise<void>;
  /** The connection is gone: everything unacknowledged is rejected with `TRANSPORT_CLOSED`, and not sent again. */
  abandon(reason: string): void;
}

/** Publishes of QoS 1 on their way at a time; the rest waits in line. Far below the 65,535 packet ids. */
const WINDOW = 1_024;

/** Fixed header, lengths, packet id and properties of a PUBLISH packet, at most. */
const PACKET_OVERHEAD = 24;

const PACKET_TOO_LARGE = 0x95;

interface Job {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly options: PublishOptions;
  /** The packet id, while the job is unacknowledged. */
  id?: number;
  settle(error?: SealMQError): void;
}

/**
 * A publisher for the connection that `client` has at the moment.
 *
 * @param isShared - the client is the application's: it sees every packet. Else those of QoS 0 go past it, to the socket.
 */
export function createPublisher(client: MqttClient, { isShared = false } = {}): Publisher {
  return new ConnectionPublisher(client, isShared);
}

class ConnectionPublisher implements Publisher {
  readonly #client: MqttClient;
  /** Unacknowledged at a time, as many as the broker asks for (MQTT 5 §4.9). */
  readonly #window: number;
  readonly #largest: number;
  readonly #waiting: Job[] = [];
  readonly #inFlight = new Set<Job>();
  #unacknowledged = 0;
  #over: string | undefined;
  readonly #isShared: boolean;
  readonly #outflow: Outflow;
  #lastHead: { topic: string; length: number; retain: boolean; head: Uint8Array } | undefined;

  constructor(client: MqttClient, isShared: boolean) {
    const limits = client.serverProperties;
    this.#client = client;
    this.#isShared = isShared;
    this.#outflow = createOutflow(client);
    this.#window = Math.min(WINDOW, limits?.receiveMaximum ?? WINDOW);
    this.#largest = limits?.maximumPacketSize ?? Number.POSITIVE_INFINITY;
  }

  publish(topic: string, payload: Uint8Array, options: PublishOptions): Promise<void> {
    if (options.qos === 0) return this.#publishUnacknowledged(topic, payload, options);
    return new Promise((resolve, reject) => {
      this.#accept({ topic, payload, options, settle: (error) => (error === undefined ? resolve() : reject(error)) });
    });
  }

  abandon(reason: string): void {
    this.#over = reason;
    this.#outflow.abandon(closed(reason));
    for (const job of [...this.#waiting.splice(0), ...this.#inFlight]) {
      job.settle(closed(reason));
      if (job.id !== undefined) this.#client.removeOutgoingMessage(job.id);
    }
  }

  #publishUnacknowledged(topic: string, payload: Uint8Array, options: PublishOptions): Promise<void> {
    const client = this.#client;
    if (this.#over !== undefined) return Promise.reject(closed(this.#over));
    // Else the client would keep it for a connection that this publisher does not know.
    if (!client.connected || client.disconnecting) return Promise.reject(closed('the connection is ending'));
    if (this.#isTooLarge({ topic, payload })) return Promise.reject(publishRefusal(PACKET_TOO_LARGE));
    const version = client.options.protocolVersion ?? 4;
    const hasProperties = version === 5 && options.expiresIn !== undefined;
    if (this.#isShared || hasProperties) client.publish(topic, payload as Buffer, publishOptions(client, options));
    else this.#outflow.write(this.#headOf(version, topic, payload.length, options.retain ?? false), payload);
    return this.#outflow.roomy();
  }

  /** The last one serves again: frames of one sender are most often of one length. */
  #headOf(version: number, topic: string, length: number, retain: boolean): Uint8Array {
    const last = this.#lastHead;
    if (last?.topic === topic && last.length === length && last.retain === retain) return last.head;
    const head = publishHead(version, topic, length, retain);
    this.#lastHead = { topic, length, retain, head };
    return head;
  }

  #accept(job: Job): void {
    if (this.#over !== undefined) job.settle(closed(this.#over));
    else if (this.#isTooLarge(job)) job.settle(publishRefusal(PACKET_TOO_LARGE));
    else {
      this.#waiting.push(job);
      this.#advance();
    }
  }

  #isTooLarge({ topic, payload }: Pick<Job, 'topic' | 'payload'>): boolean {
    if (this.#largest === Number.POSITIVE_INFINITY) return false;
    return utf8(topic).length + payload.length + PACKET_OVERHEAD > this.#largest;
  }

  #advance(): void {
    while (this.#unacknowledged < this.#window) {
      const job = this.#waiting.shift();
      if (job === undefined) return;
      this.#unacknowledged++;
      this.#start(job, () => {
        this.#unacknowledged--;
        this.#advance();
      });
    }
  }

  #start(job: Job, then: () => void): void {
    this.#inFlight.add(job);
    send(this.#client, job, (error) => {
      this.#inFlight.delete(job);
      job.settle(error);
      then();
    });
  }
}

function send(client: MqttClient, job: Job, done: (error?: SealMQError) => void): void {
  const callback = (error?: Error): void => done(error ? publishError(error) : undefined);
  client.publish(job.topic, exactly(job.payload) as Buffer, publishOptions(client, job.options), callback);
  const id = client.getLastMessageId();
  if (client.outgoing[id]?.cb === callback) job.id = id;
}

function publishOptions(client: MqttClient, { qos, retain, expiresIn }: PublishOptions): IClientPublishOptions {
  const options: IClientPublishOptions = { qos, retain: retain ?? false };
  if (expiresIn === undefined || client.options.protocolVersion !== 5) return options;
  return { ...options, properties: { messageExpiryInterval: expiresIn } };
}

/** The client clones what it may have to send again, and with it the whole buffer behind a view. */
function exactly(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
}

function publishError(error: Error): SealMQError {
  const code = reasonCode(error);
  return code === undefined ? closed(error.message, error) : publishRefusal(code, error);
}

function closed(reason: string, cause?: Error): SealMQError {
  return new SealMQError('TRANSPORT_CLOSED', `not connected: ${reason}`, cause);
}
