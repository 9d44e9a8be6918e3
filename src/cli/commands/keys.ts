import { type Command, Option } from 'commander';
import type { Messenger } from '../../client/messenger.js';
import { type SuiteName, suites } from '../../crypto/suites.js';
import { offlineTransport } from '../offline-transport.js';
import { addAccountOptions, addExamples } from '../options.js';
import { recordLines, recordView } from '../record-view.js';
import { findOrMakeAccount, type Program, unlessInterrupted, withMessenger } from '../session.js';
import { type OptionValues, readSettings } from '../settings.js';
import { addIdentityFiles } from './keys-file.js';
import { addKeysShow } from './keys-show.js';

interface ChangeOptions extends OptionValues {
  readonly json?: true;
  readonly suite?: SuiteName;
}

/** `sealmq keys` and the commands below it */
export function addKeys(root: Command, program: Program): void {
  const keys = root
    .command('keys')
    .helpCommand(false)
    .description('look at your keys, change them, take your identity elsewhere');
  addKeysShow(keys, program);
  const rotate = keys
    .command('rotate')
    .description("replace this device's keys; mail on its way to the old ones still opens")
    .addOption(new Option('--suite <SUITE>', 'kind of keys').choices(suites.map(({ name }) => name)))
    .action((options: ChangeOptions) =>
      change(program, options, (messenger) => messenger.rotateKeys(options.suite ? { suite: options.suite } : {})),
    );
  const retire = keys
    .command('retire')
    .description('nothing more is sealed to this device; what it has sent verifies for another 45 days')
    .argument('<DEVICE>', 'its id, see `keys show`')
    .action((id: string, options: ChangeOptions) =>
      change(program, options, (messenger) => messenger.devices.retire(id)),
    );
  const revoke = keys
    .command('revoke')
    .description('for a lost or stolen device: from now on nothing of it verifies')
    .argument('<DEVICE>', 'its id, see `keys show`')
    .action((id: string, options: ChangeOptions) =>
      change(program, options, (messenger) => messenger.devices.revoke(id)),
    );
  for (const command of [rotate, retire, revoke])
    addAccountOptions(command.option('--json', 'print the new record as JSON'));
  addExamples(rotate, 'sealmq keys rotate --address alice');
  addExamples(retire, 'sealmq keys retire bz7ejywrlvpwkb52 --address alice');
  addExamples(revoke, 'sealmq keys revoke bz7ejywrlvpwkb52 --address alice');
  addIdentityFiles(keys, program);
  addExamples(
    keys,
    'sealmq keys show --address alice',
    'sealmq keys show --of bob',
    'sealmq keys rotate --address alice',
    'sealmq keys export alice.identity --address alice',
    'sealmq keys import alice.identity --address alice    # on another machine',
  );
}

/** Publishes another version of our record. The broker is not needed for it. */
async function change(
  program: Program,
  options: ChangeOptions,
  edit: (messenger: Messenger) => Promise<void>,
): Promise<void> {
  const { output } = program;
  const settings = await readSettings(options);
  const place = await findOrMakeAccount(program, settings, false);
  await withMessenger(program, settings, place, { broker: offlineTransport() }, async (messenger) => {
    await unlessInterrupted(program, edit(messenger));
    const { record, deviceId } = messenger;
    if (options.json) return output.json({ ...recordView(record), thisDevice: deviceId });
    for (const line of recordLines(record, deviceId)) await output.line(line);
  });
}
