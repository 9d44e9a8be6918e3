import type { Command } from 'commander';
import { type ChangeOptions, changeRecord } from '../change-record.js';
import { addAccountOptions, addExamples } from '../options.js';
import type { Program } from '../session.js';

/** `sealmq device revoke`, which one also looks for under `sealmq keys` */
export function addRevoke(parent: Command, program: Program): void {
  const revoke = parent
    .command('revoke')
    .description('for a lost or stolen device: from now on nothing of it verifies')
    .argument('<DEVICE>', 'its id, see `device list`')
    .option('--json', 'print the new record as JSON')
    .action((id: string, options: ChangeOptions) =>
      changeRecord(program, options, (messenger) => messenger.devices.revoke(id)),
    );
  addExamples(addAccountOptions(revoke), `sealmq ${parent.name()} revoke bz7ejywrlvpwkb52 --address alice`);
}
