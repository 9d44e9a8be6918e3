import type { Command } from 'commander';
import { present } from '../../bytes/fields.js';
import { SealMQError } from '../../errors.js';
import { assertAddress } from '../../protocol/address.js';
import type { KeyRecord } from '../../protocol/identity/record.js';
import { addAccountOptions, addExamples } from '../options.js';
import { recordLines, recordView } from '../record-view.js';
import { type Program, unlessInterrupted, withOffline } from '../session.js';
import { type OptionValues, readSettings, type Settings } from '../settings.js';

interface ShowOptions extends OptionValues {
  readonly of?: string;
  readonly json?: true;
}

/** `sealmq keys show` */
export function addKeysShow(keys: Command, program: Program): void {
  const command = keys
    .command('show')
    .description("your own key record as this device has it, or somebody's as the directory has it")
    .option('--of <ADDRESS>', 'ask the directory for this one')
    .option('--json', 'print JSON')
    .action((options: ShowOptions) => show(program, options));
  addExamples(addAccountOptions(command), 'sealmq keys show --address alice', 'sealmq keys show --of bob --json');
}

async function show(program: Program, options: ShowOptions): Promise<void> {
  const { output } = program;
  const settings = await readSettings(options);
  if (options.of !== undefined) {
    const record = await unlessInterrupted(program, lookUp(settings, assertAddress(options.of)));
    return print(program, record, options);
  }
  await withOffline(program, settings, { create: false }, async ({ record, deviceId, registered }) => {
    if (options.json) return output.json({ ...recordView(record), thisDevice: deviceId, registered });
    await print(program, record, options, deviceId);
    if (!registered) output.note('not registered yet: `sealmq register`');
  });
}

async function print({ output }: Program, record: KeyRecord, options: ShowOptions, deviceId?: string): Promise<void> {
  if (options.json) return output.json(recordView(record));
  for (const line of recordLines(record, deviceId)) await output.line(line);
}

/** What the directory says now. Nothing is remembered of it: a running messenger may have the store open. */
async function lookUp(settings: Settings, address: string): Promise<KeyRecord> {
  const [{ httpKeyDirectory }, { createKeyCache }, { defaultProvider }] = await Promise.all([
    import('../../adapters/http/http-key-directory.js'),
    import('../../client/key-cache.js'),
    import('../../crypto/probe.js'),
  ]);
  const provider = await defaultProvider();
  const url = settings.get('directory') ?? '';
  const directory = httpKeyDirectory({ ...present({ pin: settings.get('directory-key') }), url, provider });
  const keys = createKeyCache({ directory, provider });
  try {
    const record = await keys.record(address);
    if (record) return record;
    throw new SealMQError('DIRECTORY_NOT_FOUND', `nobody is registered as ${address}`);
  } finally {
    await keys.close();
    await directory.close();
  }
}
