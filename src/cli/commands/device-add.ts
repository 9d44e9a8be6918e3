import type { Command } from 'commander';
import { type ChangeOptions, printRecord } from '../change-record.js';
import { CommandFailure } from '../failure.js';
import { addAccountOptions, addExamples } from '../options.js';
import { openQuestions, type Questions } from '../prompt.js';
import { findOrMakeAccount, type Program, unlessInterrupted, withMessenger } from '../session.js';
import { readSettings } from '../settings.js';

/** `sealmq device add` */
export function addDeviceAdd(device: Command, program: Program): void {
  const command = device
    .command('add')
    .description('link the device that shows a link (`device link`); needs the identity key')
    .argument('[LINK]', 'sealmq:link/…; without it, the first line of standard input. The next line is the digits')
    .option('--json', 'print the new record as JSON')
    .action((link: string | undefined, options: ChangeOptions) => addLinked(program, link, options));
  addExamples(addAccountOptions(command), 'sealmq device add --address alice');
}

async function addLinked(program: Program, given: string | undefined, options: ChangeOptions): Promise<void> {
  const settings = await readSettings(options);
  const place = await findOrMakeAccount(program, settings, false);
  const questions = openQuestions(program.signal);
  try {
    const link = given ?? (await questions.ask('Link that the new device shows: '));
    await withMessenger(program, settings, place, {}, async (messenger) => {
      const request = await unlessInterrupted(program, messenger.devices.link(link));
      const { id, name } = request.device;
      program.output.note(`the device ${id}${name ? ` "${name}"` : ''} is to be another one of ${messenger.address}`);
      await compareDigits(questions, request.digits);
      await unlessInterrupted(program, request.confirm());
      await printRecord(program, messenger, options);
    });
  } finally {
    questions.close();
  }
}

/** To be typed rather than nodded at: who does not look at the other device cannot go on. */
async function compareDigits(questions: Questions, digits: string): Promise<void> {
  const typed = await questions.ask('Digits that it shows: ');
  if (typed.replaceAll(/\s/g, '') === digits) return;
  throw new CommandFailure(
    'DIGITS_DIFFER',
    'the digits differ: nothing was linked. Somebody may have swapped the link',
  );
}
