/**
 * The story that SealMQ exists for: Alice writes to Bob, Carol listens in on Bob's topic and learns nothing.
 * The examples `hello` and `mosquitto` tell it over two brokers.
 */
import assert from 'node:assert/strict';
import mqtt from 'mqtt';
import { Messenger, memoryStore } from 'sealmq';
import { defaultProvider } from 'sealmq/crypto';
import { open } from 'sealmq/envelope';
import { createAccount, run } from 'sealmq/identity';

const TOPIC = 'nes/bob/message';
const TEXT = 'Hello Bob!';

/** Tells the story; throws when any of it turns out untrue. */
export async function tellStory(broker: string, directory: string): Promise<void> {
  say('Cast', `broker ${broker}, key directory ${directory}`);

  const alice = await Messenger.open({ address: 'alice', broker, directory, store: memoryStore() });
  const bob = await Messenger.open({ address: 'bob', broker, directory, store: memoryStore() });
  await Promise.all([alice.register(), bob.register()]);
  say('Alice', 'made her keys on her own machine and published the public halves');
  say('Bob', `did the same, and subscribes ${TOPIC}`);

  const carol = await mqtt.connectAsync(broker);
  const overheard = new Promise<Uint8Array>((resolve) => carol.once('message', (_topic, payload) => resolve(payload)));
  await carol.subscribeAsync(TOPIC, { qos: 1 });
  say('Carol', `subscribes ${TOPIC} as well: the broker lets her`);

  const sent = await alice.send('bob', TEXT);
  await sent.published;
  say('Alice', `found Bob's key in the directory, sealed ${JSON.stringify(TEXT)} to it, and the broker took it`);

  const bytes = await overheard;
  say('Carol', `receives ${bytes.length} bytes: ${Buffer.from(bytes).subarray(0, 24).toString('hex')}…`);
  await carolTries(bytes);
  await carol.endAsync();

  for await (const message of bob.messages()) {
    assert.equal(message.text, TEXT);
    assert.equal(message.from, 'alice');
    say(
      'Bob',
      `opens it, sees that it claims to be from Alice, finds her key in the directory, verifies: ${JSON.stringify(message.text)} from ${message.from}`,
    );
    break;
  }
  await Promise.all([alice.close(), bob.close()]);
  say('End', 'Bob read it and knows that Alice wrote it. Carol, the broker and the directory saw bytes only.');
}

/** Everything that Carol can do with what she has: look for words in it, and try her own keys. */
async function carolTries(bytes: Uint8Array): Promise<void> {
  const seen = Buffer.from(bytes).toString('latin1');
  assert.ok(!seen.includes(TEXT), 'the text stands in the clear');
  assert.ok(!seen.includes('alice'), "the sender's name stands in the clear");
  say('Carol', 'finds neither the text nor the name of who wrote it in them');

  const provider = await defaultProvider();
  const now = Math.floor(Date.now() / 1000);
  const hers = await run(createAccount(provider, { address: 'carol', now }));
  const outcome = await open(provider, bytes, {
    address: 'bob',
    keys: [hers.device.sealKey],
    now,
    senderKey: () => ({ refused: 'unknown-sender' }),
  });
  assert.equal(outcome.kind, 'not-for-me');
  say('Carol', `tries her own key: ${outcome.kind}`);
}

function say(who: string, what: string): void {
  console.log(`${who.padStart(6)} | ${what}`);
}
