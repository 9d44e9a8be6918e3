import { clearScreenDown, createInterface, cursorTo, type Interface, moveCursor } from 'node:readline';
import type { Command } from 'commander';
import type { Messenger } from '../../client/messenger.js';
import { describe } from '../failure.js';
import { aborted } from '../interruption.js';
import { messageLine } from '../message-view.js';
import { addAccountOptions, addExamples } from '../options.js';
import { findOrMakeAccount, type Program, unlessInterrupted, withMessenger } from '../session.js';
import { type OptionValues, readSettings } from '../settings.js';

interface ChatOptions extends OptionValues {
  readonly to: string;
  readonly register?: true;
}

/** `sealmq chat` */
export function addChat(root: Command, program: Program): void {
  const command = root
    .command('chat')
    .description('write to somebody line by line, and see what comes; Ctrl-D ends it')
    .requiredOption('--to <ADDRESS>', 'the other one')
    .option('--register', 'register first, if you have not yet')
    .action((options: ChatOptions) => chat(program, options));
  addExamples(addAccountOptions(command), 'sealmq chat --address alice --to bob --register');
}

async function chat(program: Program, options: ChatOptions): Promise<void> {
  const settings = await readSettings(options);
  const place = await findOrMakeAccount(program, settings, options.register === true);
  const { status } = await withMessenger(program, settings, place, {}, async (messenger) => {
    if (options.register && !place.account?.registered) await unlessInterrupted(program, messenger.register());
    await talk(program, messenger, options.to);
    return { status: () => messenger.status() };
  });
  // Closing has waited for the broker.
  const { outbox } = status();
  if (outbox > 0) program.output.note(`not with the broker yet: ${outbox}; safe in the outbox`);
}

/** Until the input ends, or a signal comes. */
async function talk(program: Program, messenger: Messenger, to: string): Promise<void> {
  const interactive = process.stdin.isTTY && process.stdout.isTTY;
  const terminal = createInterface({
    input: process.stdin,
    output: process.stdout,
    terminal: interactive,
    prompt: interactive ? `${messenger.address}> ` : '',
  });
  const show = (line: string) => (interactive ? showAbovePrompt(terminal, line) : program.output.line(line));
  if (interactive) await program.output.line(`${messenger.address} and ${to}, end-to-end encrypted. Ctrl-D ends it.`);
  const stop = messenger.on('message', async (message) => show(messageLine(message)));
  // Lines go out in the order in which they were typed.
  let sending: Promise<unknown> = Promise.resolve();
  terminal.on('line', (line) => {
    if (line.trim() !== '') sending = sending.then(() => post(program, messenger, to, line, show));
    terminal.prompt();
  });
  terminal.on('SIGINT', () => terminal.close());
  void aborted(program.signal).then(() => terminal.close());
  terminal.prompt();
  await new Promise<void>((resolve) => terminal.once('close', resolve));
  if (interactive) await program.output.line('');
  await sending;
  stop();
}

async function post(
  { output }: Program,
  messenger: Messenger,
  to: string,
  line: string,
  show: (line: string) => Promise<void>,
): Promise<void> {
  try {
    await messenger.send(to, line);
  } catch (error) {
    for (const text of describe(error, output.verbose)) await show(text);
  }
}

/** Writes `line` where the prompt is and draws the prompt, with what is typed so far, again below it. */
async function showAbovePrompt(terminal: Interface, line: string): Promise<void> {
  const { rows } = terminal.getCursorPos();
  moveCursor(process.stdout, 0, -rows);
  cursorTo(process.stdout, 0);
  clearScreenDown(process.stdout);
  process.stdout.write(`${line}\n`);
  // Drawing begins by going up the rows that the prompt took before; readline has no other way to say that they are gone.
  (terminal as Interface & { prevRows?: number }).prevRows = 0;
  terminal.prompt(true);
}
