import { type Command, Option } from 'commander';
import { qrLines } from '../../adapters/qr/terminal.js';
import { present } from '../../bytes/fields.js';
import { type SuiteName, suites } from '../../crypto/suites.js';
import { addAccountOptions, addExamples } from '../options.js';
import { connectionOf, findAccount, type Program, patiently, unlessInterrupted } from '../session.js';
import { type OptionValues, readSettings } from '../settings.js';

interface LinkCommandOptions extends OptionValues {
  readonly name?: string;
  readonly suite?: SuiteName;
  readonly json?: true;
}

const WHAT_TO_DO = `On the device where the account was made: sealmq device add
and give it this link, or scan it. It holds for ten minutes, and whoever sees it could try to use it in your place.`;

/** `sealmq device link` */
export function addDeviceLink(device: Command, program: Program): void {
  const command = device
    .command('link')
    .description('make this machine another device of your account: shows a link and a QR code, and waits')
    .option('--name <NAME>', 'name of this device: stands in the public key record')
    .addOption(new Option('--suite <SUITE>', 'kind of keys').choices(suites.map(({ name }) => name)))
    .option('--json', 'one JSON object a line: {link, expiresAt}, {digits}, {address, device, version}')
    .action((options: LinkCommandOptions) => linkThis(program, options));
  addExamples(addAccountOptions(command), 'sealmq device link --address alice --name phone');
}

async function linkThis(program: Program, options: LinkCommandOptions): Promise<void> {
  const { output } = program;
  const settings = await readSettings(options);
  const place = await findAccount(program, settings);
  const { Messenger } = await import('../../client/messenger.js');
  const details = present({ deviceName: options.name, suite: options.suite });
  const linking = await patiently(
    program,
    settings,
    Messenger.link({ ...(await connectionOf(settings, place)), ...details }),
  );
  try {
    await show(program, linking, options);
    const digits = await unlessInterrupted(program, linking.digits);
    if (!options.json) output.note('Type these digits there, if you started this on both. Otherwise press Ctrl-C.');
    await (options.json ? output.json({ digits }) : output.line(`digits: ${digits}`));
    const messenger = await unlessInterrupted(program, linking.linked);
    const { address, deviceId, record } = messenger;
    await messenger.close();
    await (options.json
      ? output.json({ address, device: deviceId, version: record.version })
      : output.line(`${address} has a new device ${deviceId}: record version ${record.version}`));
  } finally {
    await linking.cancel();
  }
}

async function show(
  { output }: Program,
  { link, expiresAt }: { link: string; expiresAt: Date },
  { json }: LinkCommandOptions,
): Promise<void> {
  if (json) return output.json({ link, expiresAt: expiresAt.toISOString() });
  output.picture(qrLines(link));
  output.note(WHAT_TO_DO);
  await output.line(link);
}
