import mqtt from 'mqtt';
import { afterEach } from 'vitest';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import type { Message } from '../../src/client/message.js';
import { Messenger } from '../../src/client/messenger.js';
import type { MessengerEvents } from '../../src/client/messenger-events.js';
import type { MessengerOptions } from '../../src/client/options.js';
import { type Broker, createBroker } from '../../src/server/broker/broker.js';
import { createKeyProvider, type KeyProvider } from '../../src/server/key-provider/key-provider.js';

const closers: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Closes something after the test, in reverse order of the calls. */
export function closing(close: () => Promise<unknown>): void {
  closers.push(close);
}

/** A broker and a directory on loopback, and messengers that use them; all of it is closed after the test. */
export interface World {
  readonly broker: Broker;
  readonly directory: KeyProvider;
  readonly brokerUrl: string;
  /** An open, registered messenger with its state in memory. */
  join(address: string, options?: Partial<MessengerOptions>): Promise<Messenger>;
  /** An open messenger that is not registered. */
  open(address: string, options?: Partial<MessengerOptions>): Promise<Messenger>;
  /** A plain MQTT client. */
  client(): Promise<mqtt.MqttClient>;
  /** The next message that anybody publishes to `topic`. */
  overhear(topic: string): Promise<{ readonly bytes: Promise<Uint8Array> }>;
}

export async function createWorld(): Promise<World> {
  const broker = await createBroker();
  const directory = await createKeyProvider();
  closing(() => broker.close());
  closing(() => directory.close());
  const brokerUrl = broker.mqttUrl as string;

  const open: World['open'] = async (address, options) => {
    const base = { address, broker: brokerUrl, directory: directory.url, store: memoryStore() };
    const messenger = await Messenger.open({ ...base, ...options });
    closing(() => messenger.close());
    return messenger;
  };
  const client = async () => {
    const connected = await mqtt.connectAsync(brokerUrl);
    closing(() => connected.endAsync(true));
    return connected;
  };
  return {
    ...{ broker, directory, brokerUrl, open, client },
    async join(address, options) {
      const messenger = await open(address, options);
      await messenger.register();
      return messenger;
    },
    async overhear(topic) {
      const listener = await client();
      const bytes = new Promise<Uint8Array>((resolve) =>
        listener.once('message', (_topic, payload) => resolve(new Uint8Array(payload))),
      );
      await listener.subscribeAsync(topic, { qos: 1 });
      return { bytes };
    },
  };
}

/** The next `count` messages, settled when the next consumer comes. */
export function take(messenger: Messenger, count: number): Promise<Message[]> {
  const taken: Message[] = [];
  return new Promise((resolve) => {
    const stop = messenger.on('message', (message) => {
      taken.push(message);
      if (taken.length < count) return;
      stop();
      resolve(taken);
    });
  });
}

/** The next event of a name. */
export function next<Name extends keyof MessengerEvents>(
  messenger: Messenger,
  name: Name,
  matches: (event: MessengerEvents[Name]) => boolean = () => true,
): Promise<MessengerEvents[Name]> {
  return new Promise((resolve) => {
    const stop = messenger.on(name, (event: MessengerEvents[Name]) => {
      if (!matches(event)) return;
      stop();
      resolve(event);
    });
  });
}

/** Waits until `probe` answers something. */
export async function until<T>(probe: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
