import type { Command } from 'commander';
import type { Message } from '../../client/message.js';
import type { Messenger } from '../../client/messenger.js';
import { CommandFailure } from '../failure.js';
import { aborted } from '../interruption.js';
import { messageLine, messageView } from '../message-view.js';
import { addAccountOptions, addExamples, parseCount, parseSeconds } from '../options.js';
import { findOrMakeAccount, type Program, unlessInterrupted, withMessenger } from '../session.js';
import { type OptionValues, readSettings } from '../settings.js';

interface ListenOptions extends OptionValues {
  readonly json?: true;
  readonly count?: number;
  readonly timeout?: number;
  readonly register?: true;
  /** Only where the option was given. */
  readonly follow?: boolean;
}

/** With `--no-follow`: how long nothing may come until all that waited is taken to be here, in milliseconds. */
const QUIET = 2000;

/** `sealmq listen` */
export function addListen(root: Command, program: Program): void {
  const command = root
    .command('listen')
    .description('print the messages that you receive, until Ctrl-C')
    .option('--json', 'one JSON object a line: from, text (or bytes in base64url), id, seq, …')
    .option('--count <N>', 'end after N messages', parseCount)
    .option('--follow', 'go on (default); given, it also waits for a broker that is away when it starts')
    .option('--no-follow', 'end when what waited for you is printed: after two seconds without a message')
    .option('--timeout <SECONDS>', 'end after that time; with --count it is a failure to end so', parseSeconds)
    .option('--register', 'register first, if you have not yet')
    .action((options: ListenOptions) => listen(program, options));
  addExamples(
    addAccountOptions(command),
    'sealmq listen --address bob',
    'sealmq listen --address bob --no-follow > mail.txt',
    'sealmq listen --address bob --json --count 1 --timeout 60',
  );
}

async function listen(program: Program, options: ListenOptions): Promise<void> {
  const settings = await readSettings(options);
  const place = await findOrMakeAccount(program, settings, options.register === true);
  const mustRegister = options.register === true && !place.account?.registered;
  const connect = options.follow === true && !mustRegister ? 'background' : 'wait';
  await withMessenger(program, settings, place, { connect }, async (messenger) => {
    if (mustRegister) await unlessInterrupted(program, messenger.register());
    program.output.detail(`${messenger.address} listens`);
    await printMessages(program, messenger, options);
  });
}

/** A message is settled once it is printed; one that could not be printed comes again the next time. */
async function printMessages({ output, signal }: Program, messenger: Messenger, options: ListenOptions): Promise<void> {
  const { json, count = Number.POSITIVE_INFINITY, timeout } = options;
  let printed = 0;
  let timer: NodeJS.Timeout | undefined;
  let quiet: NodeJS.Timeout | undefined;
  const print = (message: Message) => (json ? output.json(messageView(message)) : output.line(messageLine(message)));
  try {
    await new Promise<void>((resolve, reject) => {
      const untilQuiet = () => {
        clearTimeout(quiet);
        if (options.follow === false) quiet = setTimeout(resolve, QUIET);
      };
      untilQuiet();
      const stop = messenger.on('message', async (message) => {
        untilQuiet();
        await print(message).catch((error: unknown) => {
          stop();
          reject(error);
          throw error;
        });
        printed++;
        if (printed < count) return;
        stop();
        resolve();
      });
      const late = () =>
        count === Number.POSITIVE_INFINITY
          ? resolve()
          : reject(new CommandFailure('TIMEOUT', `${printed} of ${count} messages within ${timeout} s`));
      if (timeout !== undefined) timer = setTimeout(late, timeout * 1000);
      void aborted(signal).then(resolve);
    });
  } finally {
    clearTimeout(timer);
    clearTimeout(quiet);
  }
}
