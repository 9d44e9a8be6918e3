import type { Messenger } from '../client/messenger.js';
import { recordLines, recordView } from './record-view.js';
import { findOrMakeAccount, type Program, unlessInterrupted, withMessenger } from './session.js';
import { type OptionValues, readSettings } from './settings.js';

/** The options of a command that changes our record. */
export interface ChangeOptions extends OptionValues {
  readonly json?: true;
}

/** How long a broker may take that is to have the news, in milliseconds. */
const PATIENCE = 3000;

/**
 * Publishes another version of our record and prints it. The broker is not needed for it: those who know us are told now, if it
 * can be reached, or else the next time.
 */
export async function changeRecord(
  program: Program,
  options: ChangeOptions,
  edit: (messenger: Messenger) => Promise<void>,
): Promise<void> {
  const { output } = program;
  const settings = await readSettings(options);
  const place = await findOrMakeAccount(program, settings, false);
  await withMessenger(program, settings, place, { connect: 'background' }, async (messenger) => {
    await unlessInterrupted(program, edit(messenger));
    if (!(await announced(program, messenger))) {
      output.note('the broker does not answer: those who know you are told the next time you are connected');
    }
    await printRecord(program, messenger, options);
  });
}

/** Prints our record. */
export async function printRecord({ output }: Program, messenger: Messenger, options: ChangeOptions): Promise<void> {
  const { record, deviceId } = messenger;
  if (options.json) return output.json({ ...recordView(record), thisDevice: deviceId });
  for (const line of recordLines(record, deviceId)) await output.line(line);
}

async function announced(program: Program, messenger: Messenger): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, PATIENCE, false);
  });
  const done = messenger.devices.announced().then(() => true);
  return unlessInterrupted(program, Promise.race([done, late])).finally(() => clearTimeout(timer));
}
