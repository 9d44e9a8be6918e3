import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Messenger } from '../../src/client/messenger.js';
import { readJournal, readTask } from './task.js';

// Sends the numbers that are not in its journal yet, and says when all of them are receipted.
const { options, journal, to, messages } = readTask();
const messenger = await Messenger.open(options);
await messenger.register();
process.stdout.write('ready\n');
for (let n = readJournal(journal).length; n < messages; n++) {
  const { id, seq } = await messenger.send(to, String(n));
  appendFileSync(journal, `${id} ${seq} ${n}\n`);
  // So that the kills come in the middle.
  if (n % 20 === 0) await sleep(20);
}
for (;;) {
  const { outbox, unreceipted } = messenger.status();
  if (outbox + unreceipted === 0) break;
  await sleep(20);
}
process.stdout.write('done\n');
setInterval(() => {}, 60_000);
