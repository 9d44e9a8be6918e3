import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Messenger } from '../../src/client/messenger.js';
import { readJournal, readTask } from './task.js';

// Sends the numbers that are not in its journal yet, and says when all of them are receipted.
const { options, journal, to, messages } = readTask();
const messenger = await Messenger.open(options);
await messenger.register();
process.stdout.write('ready\n');
for (let n = readJournal(journal).length; n < messages; ) {
  const turn = n;
  // Now and then several in one turn: they may travel together, under one number.
  const texts = Array.from({ length: Math.min(n % 8 === 0 ? 4 : 1, messages - n) }, () => String(n++));
  const sent = await Promise.all(texts.map((text) => messenger.send(to, text)));
  appendFileSync(journal, sent.map(({ id, seq }, i) => `${id} ${seq} ${texts[i]} ${turn}\n`).join(''));
  // So that the kills come in the middle.
  if (turn % 20 === 0) await sleep(20);
}
for (;;) {
  const { outbox, unreceipted } = messenger.status();
  if (outbox + unreceipted === 0) break;
  await sleep(20);
}
process.stdout.write('done\n');
setInterval(() => {}, 60_000);
