import { nodeDataChannelRtc } from '../../src/adapters/rtc/node-datachannel.js';
import { weriftRtc } from '../../src/adapters/rtc/werift.js';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import type { CallOptions } from '../../src/client/call/settings.js';
import { Messenger } from '../../src/client/messenger.js';
import { createBroker } from '../../src/server/broker/broker.js';
import { createKeyProvider } from '../../src/server/key-provider/key-provider.js';

/** The stack's name, and further options of calls as JSON. */
const [stack, options = ''] = process.argv.slice(2);

// A call in this process, to see which way it takes.
const rtc = stack === 'werift' ? weriftRtc() : nodeDataChannelRtc();
const calls: CallOptions = { ...JSON.parse(options), rtc };
const [broker, directory] = [await createBroker(), await createKeyProvider()];

async function open(address: string): Promise<Messenger> {
  const at = { address, broker: broker.mqttUrl as string, directory: directory.url, store: memoryStore() };
  const messenger = await Messenger.open({ ...at, calls });
  await messenger.register();
  return messenger;
}

const [alice, bob] = [await open('alice'), await open('bob')];
bob.on('call', async (incoming) => {
  const call = await incoming.accept();
  for await (const { text } of call.messages()) await call.send(`${text}, too`);
});
const call = await alice.call('bob');
await call.send('heard');
const { value } = await call.messages().next();
process.stdout.write(`${call.path}: ${value?.text}\n`, () => process.exit(0));
