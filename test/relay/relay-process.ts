import { readFile } from 'node:fs/promises';
import { createRelay } from '../../src/server/relay/relay.js';

// One instance of the relay, with the keys that it shares with the others.
const [broker = '', directory = '', keys = ''] = process.argv.slice(2);
const file = new Uint8Array(await readFile(keys));
await createRelay({
  broker,
  directory,
  keys: { file, passphrase: 'relay' },
  limits: { copies: { burst: 8192, perSecond: 8192 } },
});
process.stdout.write('ready\n');
