import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { SealMQError } from '../errors.js';
import { assertAddress } from '../protocol/address.js';
import { readConfig } from './config-file.js';

/** One setting: an option, an environment variable and a line of the config file, all of one name. */
interface SettingRow {
  /** As an option and in the config file. */
  readonly name: string;
  readonly variable: string;
  readonly placeholder: string;
  readonly about: string;
  readonly fallback?: string;
  /** A path: the config file keeps it absolute. */
  readonly isPath?: true;
}

/** Everything that an account's commands can be told. A new setting is a new row. */
export const SETTINGS = [
  { name: 'address', variable: 'SEALMQ_ADDRESS', placeholder: 'ADDRESS', about: 'who you are' },
  {
    name: 'broker',
    variable: 'SEALMQ_BROKER',
    placeholder: 'URL',
    about: 'mqtt, mqtts, ws or wss',
    fallback: 'mqtt://127.0.0.1:1883',
  },
  {
    name: 'directory',
    variable: 'SEALMQ_DIRECTORY',
    placeholder: 'URL',
    about: 'the key directory, https unless on this machine',
    fallback: 'http://127.0.0.1:8080',
  },
  {
    name: 'directory-key',
    variable: 'SEALMQ_DIRECTORY_KEY',
    placeholder: 'THUMBPRINT',
    about: "the directory's key; without it the first one seen is pinned",
  },
  {
    name: 'store',
    variable: 'SEALMQ_STORE',
    placeholder: 'FOLDER',
    about: 'keys and waiting messages (default: HOME/ADDRESS)',
    isPath: true,
  },
  { name: 'username', variable: 'SEALMQ_USERNAME', placeholder: 'NAME', about: 'for the broker' },
  {
    name: 'password-file',
    variable: 'SEALMQ_PASSWORD_FILE',
    placeholder: 'FILE',
    about: 'password for the broker (or SEALMQ_PASSWORD)',
    isPath: true,
  },
  {
    name: 'passphrase-file',
    variable: 'SEALMQ_PASSPHRASE_FILE',
    placeholder: 'FILE',
    about: 'passphrase of the store (or SEALMQ_PASSPHRASE)',
    isPath: true,
  },
] as const satisfies readonly SettingRow[];

/** The name of a setting. */
export type SettingName = (typeof SETTINGS)[number]['name'];

/** Where a value comes from; the first that has one wins. */
export type Source = 'option' | 'environment' | 'config' | 'default';

/** The settings of one command. */
export interface Settings {
  /** The folder of the config file and of all stores. */
  readonly home: string;
  /** The value of a setting, and whose it is. */
  find(name: SettingName): { readonly value: string; readonly source: Source } | undefined;
  get(name: SettingName): string | undefined;
}

/** Options as commander hands them over: in camel case. */
export type OptionValues = Readonly<Record<string, unknown>>;

/** The folder that everything lies in: `--home`, `SEALMQ_HOME`, `~/.sealmq`. */
export function homeFolder(options: OptionValues): string {
  const given = text(options.home) ?? text(process.env.SEALMQ_HOME);
  return given === undefined ? join(homedir(), '.sealmq') : resolve(given);
}

/** Option, environment, config file, default: in this order. @throws `USAGE_INVALID_ARGUMENT`, `STATE_CORRUPT`, `STATE_UNAVAILABLE` */
export async function readSettings(options: OptionValues): Promise<Settings> {
  const home = homeFolder(options);
  const config = await readConfig(home);
  for (const name of Object.keys(config)) settingRow(name);
  const find: Settings['find'] = (name) => {
    const row = settingRow(name);
    const candidates: readonly (readonly [Source, string | undefined])[] = [
      ['option', text(options[camelCase(name)])],
      ['environment', text(process.env[row.variable])],
      ['config', config[name]],
      ['default', row.fallback],
    ];
    for (const [source, value] of candidates) if (value !== undefined) return { value, source };
    return undefined;
  };
  return { home, find, get: (name) => find(name)?.value };
}

/** The row of a setting. @throws `USAGE_INVALID_ARGUMENT` when there is none of that name */
export function settingRow(name: string): SettingRow & { readonly name: SettingName } {
  const row = SETTINGS.find((each) => each.name === name);
  if (row) return row;
  const names = SETTINGS.map((each) => each.name).join(', ');
  throw new SealMQError('USAGE_INVALID_ARGUMENT', `no setting ${name}; there are ${names}`);
}

/** Who acts, and in which folder the state lies. @throws `USAGE_INVALID_ARGUMENT`, `USAGE_INVALID_ADDRESS` */
export function accountPlace(settings: Settings): { readonly address: string; readonly store: string } {
  const address = settings.get('address');
  if (address === undefined) {
    throw new SealMQError(
      'USAGE_INVALID_ARGUMENT',
      'who are you? Give --address, or set SEALMQ_ADDRESS, or run `sealmq config set address NAME`',
    );
  }
  // Checked before it becomes part of a path.
  assertAddress(address);
  return { address, store: settings.get('store') ?? join(settings.home, address) };
}

/** An empty text counts as none: that is how shells unset things. */
function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function camelCase(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
