import { type Command, Option } from 'commander';
import { toBase64url } from '../../bytes/base64url.js';
import { present } from '../../bytes/fields.js';
import { type SuiteName, suites } from '../../crypto/suites.js';
import { addAccountOptions, addExamples } from '../options.js';
import { findAccount, type Program, withOffline } from '../session.js';
import { accountPlace, type OptionValues, readSettings } from '../settings.js';

interface GenerateOptions extends OptionValues {
  readonly suite?: SuiteName;
  readonly name?: string;
  readonly json?: true;
}

/** `sealmq generate` */
export function addGenerate(root: Command, program: Program): void {
  const command = root
    .command('generate')
    .description("make an account's keys on this machine, without any network")
    .addOption(new Option('--suite <SUITE>', 'kind of keys').choices(suites.map(({ name }) => name)))
    .option('--name <NAME>', 'name of this device: stands in the public key record')
    .option('--json', 'print JSON')
    .action((options: GenerateOptions) => generate(program, options));
  addExamples(
    addAccountOptions(command),
    'sealmq generate --address alice',
    'SEALMQ_PASSPHRASE=… sealmq generate --address alice    # the store is under this passphrase from now on',
  );
}

async function generate(program: Program, options: GenerateOptions): Promise<void> {
  const { output } = program;
  const settings = await readSettings(options);
  const { address, store } = accountPlace(settings);
  const existed = (await findAccount(program, settings)).account !== undefined;
  const making = { create: true, ...present({ suite: options.suite, deviceName: options.name }) };
  const { device, identity } = await withOffline(program, settings, making, async ({ record, deviceId }) => ({
    device: deviceId,
    identity: toBase64url(record.identity),
  }));
  if (options.json) return output.json({ address, device, identity, store, created: !existed });
  if (existed) output.note(`${address} has keys already; they stay as they are`);
  await output.line(`address   ${address}`);
  await output.line(`device    ${device}`);
  await output.line(`identity  ${identity}`);
  await output.line(`store     ${store}`);
}
