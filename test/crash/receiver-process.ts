import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { Messenger } from '../../src/client/messenger.js';
import { readTask } from './task.js';

// Writes down what it is handed before anything else, and that it is through with it, which is on the disk before it says so.
const { options, journal } = readTask();
const file = openSync(journal, 'a');
const messenger = await Messenger.open(options);
await messenger.register();
process.stdout.write('ready\n');
messenger.on('message', async ({ id, text }) => {
  writeSync(file, `handed ${process.pid} ${id} ${text}\n`);
  // A handler that does something: so that kills come in its middle, too.
  await new Promise((resolve) => setImmediate(resolve));
  writeSync(file, `through ${process.pid} ${id} ${text}\n`);
  fsyncSync(file);
});
process.once('exit', () => closeSync(file));
