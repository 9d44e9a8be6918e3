/**
 * Alice calls Bob: a message each way and a file, over WebRTC and then over the broker alone. Carol reads every topic meanwhile, and
 * tells what she has.
 */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import mqtt from 'mqtt';
import { type Call, type CallOptions, Messenger, memoryStore } from 'sealmq';
import { nodeDataChannelRtc } from 'sealmq/node-datachannel';
import { createBroker, createKeyProvider } from 'sealmq/server';

const QUESTION = 'Bob, is the boiler still warm?';
const ANSWER = 'It is. Here is its log.';
const LOG = new Uint8Array(randomBytes(2_000_000));

await talk('WebRTC', { rtc: nodeDataChannelRtc() });
await talk('the broker alone', { rtc: false });

/** One call from its dial to its end. */
async function talk(over: string, calls: CallOptions): Promise<void> {
  const broker = await createBroker();
  const directory = await createKeyProvider();
  const carol = await mqtt.connectAsync(broker.mqttUrl as string);
  const overheard: Buffer[] = [];
  carol.on('message', (_topic, payload) => overheard.push(payload));
  await carol.subscribeAsync('#', { qos: 1 });
  const join = async (address: string) => {
    const where = { broker: broker.mqttUrl as string, directory: directory.url, store: memoryStore() };
    const messenger = await Messenger.open({ address, ...where, calls });
    await messenger.register();
    return messenger;
  };
  const [alice, bob] = await Promise.all([join('alice'), join('bob')]);
  const answered = new Promise<void>((resolve, reject) => {
    bob.on('call', (incoming) => void incoming.accept().then(answer).then(resolve, reject));
  });

  const call = await alice.call('bob');
  say('Alice', `calls Bob over ${over}; the path is ${call.path}`);
  assert.equal(call.path, calls.rtc ? 'direct' : 'mqtt');
  await call.send(QUESTION);
  await call.end();
  say('Alice', `asks ${JSON.stringify(QUESTION)}, and ends her direction`);

  const parts: (string | Uint8Array)[] = [];
  for await (const { text, bytes } of call.messages()) parts.push(text ?? bytes);
  const [said, log] = parts;
  assert.ok(call.complete);
  assert.equal(said, ANSWER);
  assert.equal(hashOf(log as Uint8Array), hashOf(LOG));
  say('Bob', `answers ${JSON.stringify(said)}, and ${LOG.length} bytes, which came whole`);
  await answered;
  await call.hangUp();

  tellWhatCarolHas(overheard);
  await Promise.all([alice.close(), bob.close()]);
  await carol.endAsync();
  await broker.close();
  await directory.close();
}

async function answer(call: Call): Promise<void> {
  for await (const { text } of call.messages()) {
    assert.equal(text, QUESTION);
    await call.send(ANSWER);
    await call.send(LOG);
  }
  await call.end();
}

function tellWhatCarolHas(overheard: readonly Buffer[]): void {
  const everything = Buffer.concat(overheard).toString('latin1');
  const secrets = [
    QUESTION,
    ANSWER,
    Buffer.from(LOG.subarray(1_000, 1_032)).toString('latin1'),
    'fingerprint',
    'candidate',
  ];
  for (const secret of secrets) assert.ok(!everything.includes(secret), 'something stands in the clear');
  say(
    'Carol',
    `has read ${overheard.length} messages of ${everything.length} bytes in all: no word, no byte of the file`,
  );
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function say(who: string, what: string): void {
  console.log(`${who.padStart(6)} | ${what}`);
}
