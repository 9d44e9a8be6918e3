import type { Command } from 'commander';
import type { Call, IncomingCall } from '../../client/call/call.js';
import type { Messenger } from '../../client/messenger.js';
import { addCallOptions, type CallCommandOptions, callOptionsOf } from '../call-options.js';
import { pipeCall } from '../call-pipe.js';
import { CommandFailure, describe } from '../failure.js';
import { addAccountOptions, addExamples, parseSeconds } from '../options.js';
import { findOrMakeAccount, type Program, unlessInterrupted, withMessenger } from '../session.js';
import { readSettings } from '../settings.js';

interface AnswerOptions extends CallCommandOptions {
  readonly acceptFrom?: readonly string[];
}

/** `sealmq call` */
export function addCall(root: Command, program: Program): void {
  const command = root
    .command('call')
    .description('call somebody, and pipe standard input and output through the call')
    .argument('<ADDRESS>', 'who is called')
    .option('--timeout <SECONDS>', 'how long to let it ring, at most 90', parseSeconds)
    .action((address: string, options: CallCommandOptions) => call(program, address, options));
  addExamples(
    addAccountOptions(addCallOptions(command)),
    'tar c photos | sealmq call bob --address alice',
    'sealmq call bob --address alice --mqtt-only < report.pdf',
  );
}

/** `sealmq answer` */
export function addAnswer(root: Command, program: Program): void {
  const command = root
    .command('answer')
    .description('wait for one call, take it, and pipe standard input and output through it')
    .option('--accept-from <ADDRESS...>', 'take calls of these only, and decline all others')
    .option('--timeout <SECONDS>', 'how long to wait for one', parseSeconds)
    .action((options: AnswerOptions) => answer(program, options));
  addExamples(
    addAccountOptions(addCallOptions(command)),
    'sealmq answer --address bob --accept-from alice > photos.tar',
    'sealmq answer --address bob < reply.txt',
  );
}

async function call(program: Program, address: string, options: CallCommandOptions): Promise<void> {
  await withCalls(program, options, async (messenger) => {
    program.output.detail(`calling ${address}`);
    const giveUp = new AbortController();
    const calling = messenger.call(address, { signal: giveUp.signal });
    try {
      const taken = await unlessInterrupted(program, within(calling, options.timeout, `${address} did not answer`));
      await pipeCall(program, taken, options.input);
    } finally {
      giveUp.abort();
    }
  });
}

async function answer(program: Program, options: AnswerOptions): Promise<void> {
  await withCalls(program, options, async (messenger) => {
    program.output.note(`${messenger.address} waits for a call`);
    const taken = await unlessInterrupted(
      program,
      within(firstCall(program, messenger, options), options.timeout, 'nobody called'),
    );
    await pipeCall(program, taken, options.input);
  });
}

/** The first call that may be taken, and that stands when it has been taken. */
function firstCall({ output }: Program, messenger: Messenger, { acceptFrom }: AnswerOptions): Promise<Call> {
  return new Promise((resolve) => {
    const stop = messenger.on('call', async (incoming: IncomingCall) => {
      const { address } = incoming.from;
      try {
        if (acceptFrom && !acceptFrom.includes(address)) {
          output.note(`declined a call by ${address}`);
          return await incoming.decline();
        }
        resolve(await incoming.accept());
        stop();
      } catch (error) {
        for (const line of describe(error, output.verbose)) output.note(line);
      }
    });
  });
}

/** What `work` resolves to. @throws `TIMEOUT` when that takes longer than so many seconds */
async function within<T>(work: Promise<T>, seconds: number | undefined, failure: string): Promise<T> {
  if (seconds === undefined) return work;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new CommandFailure('TIMEOUT', `${failure} within ${seconds} s`)), seconds * 1000);
  });
  work.catch(() => {});
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** Opens the messenger for calls, registers first where that is wanted, and closes it. */
async function withCalls(
  program: Program,
  options: CallCommandOptions,
  work: (messenger: Messenger) => Promise<void>,
): Promise<void> {
  const settings = await readSettings(options);
  const calls = await callOptionsOf(program, options);
  const place = await findOrMakeAccount(program, settings, options.register === true);
  await withMessenger(program, settings, place, { calls }, async (messenger) => {
    if (options.register && !place.account?.registered) await unlessInterrupted(program, messenger.register());
    await work(messenger);
  });
}
