import { resolve } from 'node:path';
import type { Command } from 'commander';
import { SealMQError } from '../../errors.js';
import { assertAddress } from '../../protocol/address.js';
import { configPath, readConfig, writeConfig } from '../config-file.js';
import { addBasicOptions, addExamples } from '../options.js';
import type { Program } from '../session.js';
import { homeFolder, type OptionValues, readSettings, SETTINGS, settingRow } from '../settings.js';

const NAMES = SETTINGS.map(({ name }) => name).join(', ');

/** `sealmq config` and the commands below it */
export function addConfig(root: Command, program: Program): void {
  const config = root.command('config').helpCommand(false).description(`settings in a file: ${NAMES}`);
  const show = config
    .command('show')
    .description('print each setting, and where it comes from')
    .option('--json', 'print JSON')
    .action((options: OptionValues) => showConfig(program, options));
  const set = config
    .command('set')
    .description('keep a setting; secrets by file only')
    .argument('<KEY>', NAMES)
    .argument('<VALUE>')
    .action((key: string, value: string, options: OptionValues) => setConfig(key, value, options));
  const unset = config
    .command('unset')
    .description('forget a setting')
    .argument('<KEY>', NAMES)
    .action((key: string, options: OptionValues) => unsetConfig(key, options));
  const path = config
    .command('path')
    .description('print where the file is')
    .action((options: OptionValues) => program.output.line(configPath(homeFolder(options))));
  for (const command of [show, set, unset, path]) addBasicOptions(command);
  addExamples(show, 'sealmq config show --json');
  addExamples(set, 'sealmq config set directory https://keys.example');
  addExamples(unset, 'sealmq config unset directory');
  addExamples(path, 'cat "$(sealmq config path)"');
  addExamples(config, 'sealmq config set address alice', 'sealmq config set broker mqtts://broker.example');
}

async function showConfig({ output }: Program, options: OptionValues): Promise<void> {
  const settings = await readSettings(options);
  const found = SETTINGS.map(({ name }) => ({ name, ...settings.find(name) }));
  if (options.json) {
    const entries = found.map(({ name, value = null, source = null }) => [name, { value, source }]);
    return output.json(Object.fromEntries(entries));
  }
  for (const { name, value, source } of found) {
    await output.line(`${name.padEnd(16)} ${value === undefined ? '-' : `${withoutPassword(value)} (${source})`}`);
  }
}

async function setConfig(key: string, value: string, options: OptionValues): Promise<void> {
  const { name, isPath } = settingRow(key);
  if (name === 'address') assertAddress(value);
  if (name === 'broker' || name === 'directory') assertUrl(name, value);
  const home = homeFolder(options);
  await writeConfig(home, { ...(await readConfig(home)), [name]: isPath ? resolve(value) : value });
}

async function unsetConfig(key: string, options: OptionValues): Promise<void> {
  const { name } = settingRow(key);
  const home = homeFolder(options);
  const { [name]: _, ...rest } = await readConfig(home);
  await writeConfig(home, rest);
}

const SCHEMES = { broker: ['mqtt', 'mqtts', 'ws', 'wss'], directory: ['http', 'https'] } as const;

function assertUrl(name: keyof typeof SCHEMES, value: string): void {
  const schemes: readonly string[] = SCHEMES[name];
  if (URL.canParse(value) && schemes.some((scheme) => new URL(value).protocol === `${scheme}:`)) return;
  throw new SealMQError('USAGE_INVALID_ARGUMENT', `${name} is a URL of the scheme ${schemes.join(', ')}`);
}

/** A broker's URL may hold one. */
function withoutPassword(value: string): string {
  return value.replace(/^([a-z]+:\/\/[^/:@]*):[^/@]*@/, '$1:***@');
}
