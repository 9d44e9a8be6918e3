import { buffer } from 'node:stream/consumers';
import type { Command } from 'commander';
import { fromUtf8 } from '../../bytes/bytes.js';
import { present } from '../../bytes/fields.js';
import type { Payload } from '../../client/message.js';
import type { Messenger } from '../../client/messenger.js';
import type { Sent } from '../../client/send.js';
import { isSealMQError, SealMQError } from '../../errors.js';
import { CommandFailure } from '../failure.js';
import { addAccountOptions, addExamples, parseSeconds } from '../options.js';
import { findOrMakeAccount, type Place, type Program, unlessInterrupted, withMessenger } from '../session.js';
import { type OptionValues, readSettings } from '../settings.js';

interface SendCommandOptions extends OptionValues {
  readonly to: string;
  readonly contentType?: string;
  readonly channel?: string;
  readonly expiresIn?: number;
  readonly timeout: number;
  readonly register?: true;
  readonly json?: true;
}

const SAFE = 'the message is safe in the outbox and goes out the next time';

/** `sealmq send` */
export function addSend(root: Command, program: Program): void {
  const command = root
    .command('send')
    .description('seal a message and send it; prints its id when the broker has it')
    .argument('[TEXT]', 'the message; without it, standard input: text if it is UTF-8, else bytes')
    .requiredOption('--to <ADDRESS>', 'the receiver')
    .option('--content-type <TYPE>', 'media type (default: by the payload)')
    .option('--channel <NAME>', 'what the message belongs to; signed')
    .option('--expires-in <SECONDS>', 'nobody is to read it after that', parseSeconds)
    .option('--timeout <SECONDS>', 'how long to wait for the broker', parseSeconds, 30)
    .option('--register', 'register first, if you have not yet')
    .option('--json', 'print JSON: id, to, seq')
    .action((text: string | undefined, options: SendCommandOptions) => sendCommand(program, text, options));
  addExamples(
    addAccountOptions(command),
    "sealmq send --address alice --to bob 'Hello Bob!'",
    'sealmq send --address sensor-7 --to hub --channel temperature --content-type application/json < reading.json',
  );
}

async function sendCommand(program: Program, text: string | undefined, options: SendCommandOptions): Promise<void> {
  const { output } = program;
  const settings = await readSettings(options);
  const place = await findOrMakeAccount(program, settings, options.register === true);
  const payload = text ?? (await unlessInterrupted(program, readInput()));
  await withMessenger(program, settings, place, connecting(place, options), async (messenger) => {
    if (mustRegister(place, options)) await unlessInterrupted(program, messenger.register());
    const { contentType, channel, expiresIn } = options;
    const posting = messenger.send(options.to, payload, present({ contentType, channel, expiresIn }));
    const sent = await unlessInterrupted(program, posting);
    await published(program, messenger, sent, options.timeout);
    await (options.json ? output.json({ id: sent.id, to: sent.to, seq: sent.seq }) : output.line(sent.id));
  });
}

/**
 * A message can go into the outbox while the broker is away. Who registers has to be able to receive first, and so waits for
 * the broker.
 */
function connecting(place: Place, options: SendCommandOptions): { connect: 'wait' | 'background' } {
  return { connect: mustRegister(place, options) ? 'wait' : 'background' };
}

function mustRegister({ account }: Place, options: SendCommandOptions): boolean {
  return options.register === true && account?.registered !== true;
}

/** Waits for the broker's acknowledgement. From the outbox a message goes out even when nobody waits. */
async function published(program: Program, messenger: Messenger, { published }: Sent, seconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const givenUp = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(tooLate(messenger, seconds)), seconds * 1000);
    messenger.on('warning', (error) => {
      if (isSealMQError(error, 'TRANSPORT_REFUSED')) {
        reject(new SealMQError('TRANSPORT_REFUSED', `the broker refused: ${error.message}; ${SAFE}`, error));
      }
    });
  });
  try {
    await unlessInterrupted(program, Promise.race([published, givenUp]));
  } catch (error) {
    if (error instanceof CommandFailure && error.code === 'INTERRUPTED') {
      throw new CommandFailure('INTERRUPTED', `interrupted; ${SAFE}`);
    }
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function tooLate(messenger: Messenger, seconds: number): Error {
  if (messenger.status().connection === 'connected') {
    return new CommandFailure('TIMEOUT', `the broker did not acknowledge within ${seconds} s; ${SAFE}`);
  }
  return new SealMQError('TRANSPORT_TIMEOUT', `no broker within ${seconds} s; ${SAFE}`);
}

async function readInput(): Promise<Payload> {
  if (process.stdin.isTTY) process.stderr.write('Type the message; Ctrl-D ends it.\n');
  const bytes = new Uint8Array(await buffer(process.stdin));
  try {
    return fromUtf8(bytes);
  } catch {
    return bytes;
  }
}
