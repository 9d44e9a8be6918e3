import { appendFileSync } from 'node:fs';
import { Messenger } from '../../src/client/messenger.js';
import { readTask } from './task.js';

// Writes down what it is handed, before anything else; the next line of the same process says that it was through with it.
const { options, journal } = readTask();
const messenger = await Messenger.open(options);
await messenger.register();
process.stdout.write('ready\n');
for await (const { id, text } of messenger.messages()) appendFileSync(journal, `${process.pid} ${id} ${text}\n`);
