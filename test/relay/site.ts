import mqtt from 'mqtt';
import { seal } from '../../src/protocol/envelope/index.js';
import type { Account, KeyRecord } from '../../src/protocol/identity/index.js';
import { createAccount, verifyRelayRecord } from '../../src/protocol/identity/index.js';
import { type HandIn, openRelayAnswer, type RelayAnswer, sealHandIn } from '../../src/protocol/relay/index.js';
import { createRelay, type Relay, type RelayEvent, type RelayOptions } from '../../src/server/relay/relay.js';
import { closing, createWorld, until, type World } from '../client/world.js';
import { native } from '../envelope/parties.js';
import { now } from '../identity/accounts.js';

/** A world with a relay, and people who hand in by themselves: they can say whatever they like. */
export interface Site extends World {
  readonly relay: Relay;
  /** What the relay reported. */
  readonly events: RelayEvent[];
  readonly record: KeyRecord;
  /** Registers somebody. */
  settle(address: string): Promise<Account>;
  /** A connection that hands in and reads answers as `account`. */
  visitor(account: Account): Promise<Visitor>;
  /** Everything that reaches a topic from now on. */
  listen(topic: string): Promise<Uint8Array[]>;
}

/** Somebody at the broker. */
export interface Visitor {
  publish(bytes: Uint8Array): Promise<void>;
  readonly answers: RelayAnswer[];
}

export async function createSite(options: Partial<RelayOptions> = {}): Promise<Site> {
  const world = await createWorld();
  const events: RelayEvent[] = [];
  const relay = await startRelay(world, { log: (event) => void events.push(event), ...options });
  const record = now(verifyRelayRecord(native, relay.record));
  return {
    ...{ ...world, relay, events, record },
    async settle(address) {
      const account = now(createAccount(native, { address, now: Math.floor(Date.now() / 1000) }));
      await publish(world, account.record);
      return account;
    },
    async visitor(account) {
      const client = await world.client();
      const answers: RelayAnswer[] = [];
      client.on('message', (_topic, payload) => {
        const reader = { address: account.record.address, keys: [account.device.sealKey] };
        const signKeys = record.devices.map(({ signKey }) => signKey);
        const answer = now(openRelayAnswer(native, new Uint8Array(payload), reader, signKeys));
        if (answer) answers.push(answer);
      });
      await client.subscribeAsync(`nes/${account.record.address}/relay`);
      return {
        answers,
        publish: async (bytes) => void (await client.publishAsync('nes/relay/hand-in', Buffer.from(bytes), { qos: 1 })),
      };
    },
    async listen(topic) {
      const client = await world.client();
      const seen: Uint8Array[] = [];
      client.on('message', (_topic, payload) => seen.push(new Uint8Array(payload)));
      await client.subscribeAsync(topic, { qos: 1 });
      return seen;
    },
  };
}

/** A relay in this world, whose record the directory has. */
export async function startRelay(world: World, options: Partial<RelayOptions> = {}): Promise<Relay> {
  const { directory, brokerUrl } = world;
  const { registered, checkInfoOk } = directory;
  const relay = await createRelay({
    ...{ broker: brokerUrl, directory: directory.url, registered, checkInfoOk },
    ...options,
  });
  closing(() => relay.close());
  await directory.publishRelay(relay.record);
  return relay;
}

/** Publishes a record as its owner would. */
export async function publish({ directory }: Pick<World, 'directory'>, record: KeyRecord): Promise<void> {
  const url = `${directory.url}/v1/keys/${record.address}`;
  const body = record.bytes as Uint8Array<ArrayBuffer>;
  const answer = await directory.app(new Request(url, { method: 'PUT', body }));
  if (!answer.ok) throw new TypeError(await answer.text());
}

/** A sealed message of `sender` for all of `receivers`. */
export async function message(sender: Account, receivers: readonly Account[], text = 'hello'): Promise<Uint8Array> {
  return seal(
    native,
    {
      from: sender.record.address,
      audience: receivers.map(({ record }) => record.address).sort(),
      issuedAt: Math.floor(Date.now() / 1000),
      payload: new TextEncoder().encode(text),
    },
    { signKey: sender.device.signKey, recipients: receivers.map(({ device }) => device.sealKey.publicKey) },
  );
}

/** Hands `sealed` in at the relay of `record`; `signer` signs, whoever the content says it is from. */
export function handInAt(
  record: KeyRecord,
  signer: Pick<Account, 'device'>,
  sealed: Uint8Array,
  content: Partial<HandIn> & Pick<HandIn, 'sender' | 'receivers'>,
): Uint8Array {
  const statement = {
    ...{ relay: record.identity, issuedAt: Math.floor(Date.now() / 1000), nonce: native.randomBytes(16).slice() },
    ...content,
  };
  const relay = record.devices.map(({ sealKey }) => sealKey);
  return now(sealHandIn(native, statement, sealed, { signKey: signer.device.signKey, relay }));
}

export { mqtt, until };
