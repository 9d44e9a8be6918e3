import { type Command, Option } from 'commander';
import { type SuiteName, suites } from '../../crypto/suites.js';
import { type ChangeOptions, changeRecord } from '../change-record.js';
import { addAccountOptions, addExamples } from '../options.js';
import type { Program } from '../session.js';
import { addRevoke } from './device-revoke.js';
import { addIdentityFiles } from './keys-file.js';
import { addKeysShow } from './keys-show.js';

interface RotateOptions extends ChangeOptions {
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
    .action((options: RotateOptions) =>
      changeRecord(program, options, (messenger) =>
        messenger.rotateKeys(options.suite ? { suite: options.suite } : {}),
      ),
    );
  addAccountOptions(rotate.option('--json', 'print the new record as JSON'));
  addExamples(rotate, 'sealmq keys rotate --address alice');
  addRevoke(keys, program);
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
