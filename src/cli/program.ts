import { createRequire } from 'node:module';
import { Command } from 'commander';
import { addAnswer, addCall } from './commands/call.js';
import { addChat } from './commands/chat.js';
import { addConfig } from './commands/config.js';
import { addContact } from './commands/contact.js';
import { addDevice } from './commands/device.js';
import { addGenerate } from './commands/generate.js';
import { addKeys } from './commands/keys.js';
import { addListen } from './commands/listen.js';
import { addRegister } from './commands/register.js';
import { addRoom } from './commands/room.js';
import { addSafetyNumber } from './commands/safety-number.js';
import { addSend } from './commands/send.js';
import { addServe } from './commands/serve.js';
import { addStatus } from './commands/status.js';
import { describe, exitCodeOf } from './failure.js';
import { addExamples } from './options.js';
import type { Program } from './session.js';

/** In the order of the help. */
const COMMANDS = [
  addServe,
  addGenerate,
  addRegister,
  addSend,
  addListen,
  addChat,
  addCall,
  addAnswer,
  addRoom,
  addContact,
  addSafetyNumber,
  addStatus,
  addDevice,
  addKeys,
  addConfig,
];

const EXIT_CODES = `
Exit codes:
  0  done                  4  broker, transport, call      8  call declined
  1  unexpected            5  keys, messages on disk       9  callee busy
  2  wrong usage           6  verification, decoding     130  interrupted
  3  key directory         7  timeout, no answer`;

/**
 * Runs the command that `argv` names, and tells on standard error what went wrong.
 *
 * @param argv - as in `process.argv`
 * @returns the exit code
 */
export async function runProgram(argv: readonly string[], program: Program): Promise<number> {
  try {
    await createProgram(program).parseAsync(argv);
    return 0;
  } catch (error) {
    const { output } = program;
    for (const line of describe(error, output.verbose)) output.note(line);
    return exitCodeOf(error);
  }
}

function createProgram(program: Program): Command {
  const root = new Command('sealmq')
    .description('End-to-end encrypted messages over any MQTT broker.')
    .version(version(), '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand(false)
    .showHelpAfterError('(--help shows what there is)')
    .configureOutput({ outputError: (text, write) => write(`${usageLine(text)}\n`) })
    .exitOverride()
    .hook('preAction', (_root, command) => {
      program.output.verbose = command.opts().verbose === true;
    });
  for (const add of COMMANDS) add(root, program);
  addExamples(
    root,
    'sealmq serve',
    'sealmq listen --address bob --register',
    "sealmq send --address alice --register --to bob 'Hello Bob!'",
  );
  return root.addHelpText('after', EXIT_CODES);
}

/** Commander's complaint in the form of all others. */
function usageLine(text: string): string {
  return `sealmq: ${text
    .replace(/^error: /, '')
    .trim()
    .replaceAll('\n', ' ')} [USAGE_INVALID_ARGUMENT]`;
}

/** By the package's own name, so that it does not matter how deep this file lies. */
function version(): string {
  const { version } = createRequire(import.meta.url)('sealmq/package.json') as { version: string };
  return version;
}
