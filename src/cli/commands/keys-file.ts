import type { Command } from 'commander';
import { present } from '../../bytes/fields.js';
import { SealMQError } from '../../errors.js';
import { readGivenFile, writePrivateFile } from '../files.js';
import { addAccountOptions, addExamples } from '../options.js';
import { exportPassphrase } from '../secrets.js';
import { findAccount, type Program, unlessInterrupted, withMessenger, withOffline } from '../session.js';
import { type OptionValues, readSettings } from '../settings.js';

interface ExportOptions extends OptionValues {
  readonly exportPassphraseFile?: string;
}

interface ImportOptions extends ExportOptions {
  readonly name?: string;
}

const FILE_OPTION = ['--export-passphrase-file <FILE>', 'its passphrase (or SEALMQ_EXPORT_PASSPHRASE)'] as const;

/** `sealmq keys export` and `sealmq keys import` */
export function addIdentityFiles(keys: Command, program: Program): void {
  const exporting = keys
    .command('export')
    .description('write your identity to a file under a passphrase, for another machine; needs no network')
    .argument('<FILE>')
    .option(...FILE_OPTION)
    .action((file: string, options: ExportOptions) => exportTo(program, file, options));
  const importing = keys
    .command('import')
    .description('make this machine another device of the account in a file, and register it')
    .argument('<FILE>')
    .option(...FILE_OPTION)
    .option('--name <NAME>', 'name of this device: stands in the public key record')
    .action((file: string, options: ImportOptions) => importFrom(program, file, options));
  addExamples(addAccountOptions(exporting), 'sealmq keys export alice.identity --address alice');
  addExamples(addAccountOptions(importing), 'sealmq keys import alice.identity --address alice --name phone');
}

async function exportTo(program: Program, path: string, options: ExportOptions): Promise<void> {
  const { output, signal } = program;
  const settings = await readSettings(options);
  await withOffline(program, settings, { create: false }, async (account) => {
    const source = { file: options.exportPassphraseFile, twice: true };
    const passphrase = await exportPassphrase(settings, signal, source);
    await writePrivateFile(path, await account.exportIdentity(passphrase));
    output.note(`${account.record.address}: the identity is in ${path}. Who has it and the passphrase can be you.`);
  });
}

async function importFrom(program: Program, path: string, options: ImportOptions): Promise<void> {
  const { output, signal } = program;
  const settings = await readSettings(options);
  const place = await findAccount(program, settings);
  if (place.account) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', `there is an account in ${place.store} already`);
  }
  const file = await readGivenFile(path);
  const source = { file: options.exportPassphraseFile, twice: false };
  const identity = { file, passphrase: await exportPassphrase(settings, signal, source) };
  const opening = { identity, ...present({ deviceName: options.name }) };
  await withMessenger(program, settings, place, opening, async (messenger) => {
    // The broker keeps our mail by now, so that nothing is lost that is sealed to this device.
    await unlessInterrupted(program, messenger.register());
    const { address, deviceId, record } = messenger;
    await output.line(`${address} has a new device ${deviceId}: record version ${record.version}`);
  });
}
