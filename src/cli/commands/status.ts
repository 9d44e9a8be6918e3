import type { Command } from 'commander';
import type { Messenger } from '../../client/messenger.js';
import { addAccountOptions, addExamples, parseSeconds } from '../options.js';
import { printable } from '../printable.js';
import { findOrMakeAccount, type Program, unlessInterrupted, withMessenger } from '../session.js';
import { type OptionValues, readSettings } from '../settings.js';

interface StatusOptions extends OptionValues {
  readonly json?: true;
  readonly timeout: number;
}

/** `sealmq status` */
export function addStatus(root: Command, program: Program): void {
  const command = root
    .command('status')
    .description('print what waits in your queues, and whether the broker answers')
    .option('--timeout <SECONDS>', 'how long to wait for the broker', parseSeconds, 5)
    .option('--json', 'print JSON')
    .action((options: StatusOptions) => printStatus(program, options));
  addExamples(addAccountOptions(command), 'sealmq status --address alice');
}

async function printStatus(program: Program, options: StatusOptions): Promise<void> {
  const { output } = program;
  const settings = await readSettings(options);
  const place = await findOrMakeAccount(program, settings, false);
  await withMessenger(program, settings, place, { connect: 'background' }, async (messenger) => {
    await unlessInterrupted(program, connected(messenger, options.timeout));
    const { address, deviceId, record } = messenger;
    const view = { address, device: deviceId, version: record.version, ...messenger.status() };
    if (options.json) return output.json(view);
    for (const line of linesOf(view)) await output.line(printable(line.replaceAll('\n', ' ')));
  });
}

/** A line for each figure, by its path: `waiting.inbox: 1200`. */
function* linesOf(view: object, within = ''): Generator<string> {
  for (const [name, value] of Object.entries(view)) {
    if (typeof value !== 'object' || value === null) yield `${within}${name}: ${value}`;
    else if (value instanceof Error) yield `${within}${name}: ${value.message}`;
    else yield* linesOf(value, `${within}${name}.`);
  }
}

/** Resolves when the broker answers, or that has taken too long. */
async function connected(messenger: Messenger, seconds: number): Promise<void> {
  if (messenger.status().connection === 'connected') return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, seconds * 1000);
    messenger.on('connection', ({ state }) => {
      if (state !== 'connected') return;
      clearTimeout(timer);
      resolve();
    });
  });
}
