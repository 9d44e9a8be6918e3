import type { Command } from 'commander';
import { type ChangeOptions, changeRecord } from '../change-record.js';
import { addAccountOptions, addExamples } from '../options.js';
import { recordLines, recordView } from '../record-view.js';
import { type Program, withOffline } from '../session.js';
import { readSettings } from '../settings.js';
import { addDeviceAdd } from './device-add.js';
import { addDeviceLink } from './device-link.js';
import { addRevoke } from './device-revoke.js';

/** `sealmq device` and the commands below it */
export function addDevice(root: Command, program: Program): void {
  const device = root.command('device').helpCommand(false).description('the devices of your account');
  addDeviceLink(device, program);
  addDeviceAdd(device, program);
  const list = device
    .command('list')
    .description('print the devices in your key record, as this device has it')
    .option('--json', 'print JSON')
    .action((options: ChangeOptions) => listDevices(program, options));
  const retire = device
    .command('retire')
    .description('nothing more is sealed to this device; what it has sent verifies for another 45 days')
    .argument('<DEVICE>', 'its id, see `device list`')
    .option('--json', 'print the new record as JSON')
    .action((id: string, options: ChangeOptions) =>
      changeRecord(program, options, (messenger) => messenger.devices.retire(id)),
    );
  addExamples(addAccountOptions(list), 'sealmq device list --address alice');
  addExamples(addAccountOptions(retire), 'sealmq device retire bz7ejywrlvpwkb52 --address alice');
  addRevoke(device, program);
  addExamples(
    device,
    'sealmq device link --address alice --name phone    # on the new device',
    'sealmq device add --address alice                  # on the one where the account was made',
    'sealmq device list --address alice',
    'sealmq device revoke bz7ejywrlvpwkb52 --address alice',
  );
}

async function listDevices(program: Program, options: ChangeOptions): Promise<void> {
  const { output } = program;
  const settings = await readSettings(options);
  await withOffline(program, settings, { create: false }, async ({ record, deviceId }) => {
    if (options.json) return output.json({ ...recordView(record), thisDevice: deviceId });
    for (const line of recordLines(record, deviceId)) await output.line(line);
  });
}
