import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Messenger } from '../../src/client/messenger.js';
import type { MessengerOptions } from '../../src/client/options.js';
import { isSealMQError } from '../../src/errors.js';

/** What the process is told, as JSON in its first argument. */
export interface SmallDiskTask extends Pick<MessengerOptions, 'address'> {
  readonly store: string;
  readonly broker: string;
  readonly directory: string;
  /** Takes room on the disk until it is given back. */
  readonly ballast: string;
  /** To whom messages go until there is no room; without it, whatever comes is written down. */
  readonly to?: string;
}

/** What it says, a line of JSON each. */
export type SmallDiskLine =
  | { readonly event: 'open'; readonly device: string }
  | { readonly event: 'sent' | 'heard'; readonly text: string }
  | { readonly event: 'full'; readonly code: string }
  | { readonly event: 'warning'; readonly code: string }
  | { readonly event: 'disconnected'; readonly cause: string }
  | { readonly event: 'idle' };

/** So large that a small disk is full before many of them. */
const PADDING = 'x'.repeat(16_000);

/** Milliseconds that a message takes: what is handled faster than it is written is not written, and fills no disk. */
const HANDLING = 50;

const { ballast, to, ...base } = JSON.parse(process.argv[2] ?? '') as SmallDiskTask;
const timing = { receiptDelay: 50, gapDelay: 100, republishAfter: 300 };
const say = (line: SmallDiskLine) => process.stdout.write(`${JSON.stringify(line)}\n`);

async function open(): Promise<Messenger> {
  const messenger = await Messenger.open({ ...base, timing, connect: 'background' });
  messenger.on('warning', ({ code }) => say({ event: 'warning', code }));
  messenger.on('connection', ({ state, cause }) => {
    if (state === 'disconnected') say({ event: 'disconnected', cause: cause ?? '' });
  });
  if (!to) {
    messenger.on('message', async ({ text }) => {
      say({ event: 'heard', text: text.split(' ')[0] ?? '' });
      await new Promise((resolve) => setTimeout(resolve, HANDLING));
    });
  }
  await messenger.register();
  say({ event: 'open', device: messenger.deviceId });
  return messenger;
}

async function send(messenger: Messenger, n: number): Promise<void> {
  await messenger.send(to ?? '', `${n} ${PADDING}`);
  say({ event: 'sent', text: String(n) });
}

let n = 0;
const first = await open();
try {
  // A receiver waits for what comes.
  while (to) await send(first, n++);
} catch (error) {
  if (!isSealMQError(error)) throw error;
  say({ event: 'full', code: error.code });
}

createInterface({ input: process.stdin }).once('line', async () => {
  rmSync(ballast, { force: true });
  await first.close();
  const again = await open();
  if (to) for (let more = 0; more < 3; more++) await send(again, n++);
  for (;;) {
    const { outbox, unreceipted } = again.status();
    if (to && outbox + unreceipted === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await again.close();
  say({ event: 'idle' });
  process.exit();
});
