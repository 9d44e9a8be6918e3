/** Ways to get bytes from one process to another over one broker: plain MQTT, sealed one by one, the messenger, and a room. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync, type MqttClient } from 'mqtt';
import { Messenger } from 'sealmq';
import { nativeProvider } from 'sealmq/crypto';
import { openSync, sealSync } from 'sealmq/envelope';

export type Qos = 0 | 1;

/** Where to, and how. */
export interface Line {
  readonly mqtt: string;
  readonly http: string;
  readonly qos: Qos;
  /** Private keys of the one-shot contender, as base64. */
  readonly keys: { readonly sign: string; readonly seal: string };
}

/** One end of a line. */
export interface End {
  close(): Promise<unknown>;
}

export interface Sender extends End {
  /** Resolves when all are out: acknowledged at QoS 1. */
  burst(payloads: Iterable<Uint8Array>): Promise<void>;
}

/** A way to send and to receive. */
export interface Contender {
  receive(line: Line, onMessage: (payload: Uint8Array) => void): Promise<End>;
  sender(line: Line, name: string): Promise<Sender>;
}

/** One for each, so that nobody hears another's. */
const TOPICS = { plain: 'nes/bench-plain/message', oneShot: 'nes/bench-one-shot/message' };

/** Publishes on their way at a time, as many as the messenger's outbox has. */
const WINDOW = 256;

const provider = nativeProvider();

async function mqttClient({ mqtt }: Line): Promise<MqttClient> {
  const client = await connectAsync(mqtt, { protocolVersion: 4 });
  (client.stream as unknown as { setNoDelay?(on: boolean): void }).setNoDelay?.(true);
  return client;
}

/** Sends all of `payloads`, {@link WINDOW} at a time. */
async function each(payloads: Iterable<Uint8Array>, send: (payload: Uint8Array) => Promise<unknown>): Promise<void> {
  const rest = payloads[Symbol.iterator]();
  const lane = async () => {
    for (let next = rest.next(); !next.done; next = rest.next()) await send(next.value);
  };
  await Promise.all(Array.from({ length: WINDOW }, lane));
}

async function publisher(
  line: Line,
  topic: string,
  seal: (payloads: Iterable<Uint8Array>) => Iterable<Uint8Array> = (payloads) => payloads,
): Promise<Sender> {
  const client = await mqttClient(line);
  const publish = (payload: Uint8Array) => client.publishAsync(topic, payload as Buffer, { qos: line.qos });
  return { burst: (payloads) => each(seal(payloads), publish), close: () => client.endAsync() };
}

async function subscribed(line: Line, topic: string, onMessage: (payload: Uint8Array) => void): Promise<End> {
  const client = await mqttClient(line);
  client.on('message', (_topic, payload) => onMessage(payload));
  await client.subscribeAsync(topic, { qos: line.qos });
  return { close: () => client.endAsync() };
}

const plain: Contender = {
  receive: (line, onMessage) => subscribed(line, TOPICS.plain, onMessage),
  sender: (line) => publisher(line, TOPICS.plain),
};

/** The keys that sender and receiver of the one-shot contender share: made once, by the parent process. */
export async function makeKeys(): Promise<Line['keys']> {
  const [sign, seal] = await Promise.all([provider.generateKey('Ed25519'), provider.generateKey('X25519')]);
  const text = async (key: typeof sign) => Buffer.from(await provider.exportPrivateKey(key)).toString('base64');
  return { sign: await text(sign), seal: await text(seal) };
}

async function importKeys({ keys }: Line) {
  const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'base64'));
  return {
    signKey: await provider.importPrivateKey('Ed25519', bytes(keys.sign)),
    sealKey: await provider.importPrivateKey('X25519', bytes(keys.seal)),
  };
}

const oneShot: Contender = {
  async receive(line, onMessage) {
    const { signKey, sealKey } = await importKeys(line);
    const sender = { key: signKey.publicKey };
    const context = { address: 'bob', keys: [sealKey], senderKey: () => sender };
    return subscribed(line, TOPICS.oneShot, (bytes) => {
      const outcome = openSync(provider, bytes, { ...context, now: Math.floor(Date.now() / 1000) });
      if (outcome.kind !== 'opened') throw new TypeError(outcome.kind);
      onMessage(outcome.message.payload);
    });
  },
  async sender(line) {
    const { signKey, sealKey } = await importKeys(line);
    const keys = { signKey, recipients: [sealKey.publicKey] };
    const claims = { from: 'alice', audience: 'bob', contentType: 'application/octet-stream' };
    function* sealed(payloads: Iterable<Uint8Array>) {
      for (const payload of payloads) {
        yield sealSync(provider, { ...claims, payload, issuedAt: Math.floor(Date.now() / 1000) }, keys);
      }
    }
    return publisher(line, TOPICS.oneShot, sealed);
  },
};

async function messengerOf({ mqtt, http }: Line, address: string) {
  const folder = mkdtempSync(join(tmpdir(), 'sealmq-bench-'));
  const messenger = await Messenger.open({ address, broker: mqtt, directory: http, store: folder });
  await messenger.register();
  const close = async () => {
    await messenger.close();
    rmSync(folder, { recursive: true });
  };
  return { messenger, close };
}

/** QoS 1, receipts on, the store on disk. */
function messenger(receiver: string, burst: typeof each): Contender {
  return {
    async receive(line, onMessage) {
      const { messenger, close } = await messengerOf(line, receiver);
      messenger.on('message', async ({ bytes }) => onMessage(bytes));
      return { close };
    },
    async sender(line, name) {
      const { messenger, close } = await messengerOf(line, name);
      return {
        async burst(payloads) {
          const published: Promise<void>[] = [];
          await burst(payloads, async (payload) => published.push((await messenger.send(receiver, payload)).published));
          await Promise.all(published);
        },
        close,
      };
    },
  };
}

/** Each when the one before it is in the store: nothing travels together. */
async function oneByOne(
  payloads: Iterable<Uint8Array>,
  send: (payload: Uint8Array) => Promise<unknown>,
): Promise<void> {
  for (const payload of payloads) await send(payload);
}

/** As {@link each}, but no two in one turn of the event loop: each frame of a room travels alone. */
async function oneATurn(
  payloads: Iterable<Uint8Array>,
  send: (payload: Uint8Array) => Promise<unknown>,
): Promise<void> {
  const sent: Promise<unknown>[] = [];
  let i = 0;
  for (const payload of payloads) {
    // A turn, whether or not there is anything to wait for.
    await sent[i % WINDOW];
    sent[i++ % WINDOW] = send(payload);
  }
  await Promise.all(sent);
}

/** Frames in a room of their own, of a sender that does not receive any. */
function room(name: string, burst: typeof each): Contender {
  return {
    async receive(line, onMessage) {
      const { messenger, close } = await messengerOf(line, `${name}-reader`);
      const joined = await messenger.joinRoom(name, { admit: () => true });
      void (async () => {
        for await (const { bytes } of joined.frames()) onMessage(bytes);
      })();
      return { close };
    },
    async sender({ qos, ...line }, sender) {
      const { messenger, close } = await messengerOf({ ...line, qos }, sender);
      const joined = await messenger.joinRoom(name, { admit: () => true, frames: false });
      while (!joined.members.some(({ ready }) => ready)) await new Promise((resolve) => setTimeout(resolve, 10));
      return {
        burst: (payloads) => burst(payloads, (payload) => joined.send(payload, { qos })),
        close,
      };
    },
  };
}

export const contenders = {
  ...{ plain, 'one-shot': oneShot, messenger: messenger('bob', each) },
  'messenger-one-by-one': messenger('bob-one-by-one', oneByOne),
  room: room('bench', each),
  'room-one-a-turn': room('bench-one-a-turn', oneATurn),
} satisfies Record<string, Contender>;
export type ContenderName = keyof typeof contenders;
