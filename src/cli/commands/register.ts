import type { Command } from 'commander';
import { toBase64url } from '../../bytes/base64url.js';
import { addAccountOptions, addExamples } from '../options.js';
import { findOrMakeAccount, type Program, unlessInterrupted, withMessenger } from '../session.js';
import { type OptionValues, readSettings } from '../settings.js';

interface RegisterOptions extends OptionValues {
  readonly json?: true;
}

/** `sealmq register` */
export function addRegister(root: Command, program: Program): void {
  const command = root
    .command('register')
    .description('publish your key record, so that others can write to you; makes the keys if there are none')
    .option('--json', 'print JSON')
    .action((options: RegisterOptions) => register(program, options));
  addExamples(
    addAccountOptions(command),
    'sealmq register --address alice',
    'sealmq register --address alice --broker mqtts://broker.example --directory https://keys.example',
  );
}

/** The broker first: from the moment that others can write to us it must keep our mail. */
async function register(program: Program, options: RegisterOptions): Promise<void> {
  const settings = await readSettings(options);
  const place = await findOrMakeAccount(program, settings, true);
  await withMessenger(program, settings, place, {}, async (messenger) => {
    await unlessInterrupted(program, messenger.register());
    const { address, deviceId: device, record } = messenger;
    const { version } = record;
    const identity = toBase64url(record.identity);
    if (options.json) return program.output.json({ address, device, identity, version });
    await program.output.line(`${address} is registered: record version ${version}, device ${device}`);
  });
}
