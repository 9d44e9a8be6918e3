import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SealMQError } from '../errors.js';
import { writePrivateFile } from './files.js';

/** What the file holds: settings by their names. */
export type ConfigValues = Readonly<Record<string, string>>;

/** Where the config file of `home` lies. */
export function configPath(home: string): string {
  return join(home, 'config.json');
}

/** Reads the file; a missing one is empty. @throws `STATE_CORRUPT`, `STATE_UNAVAILABLE` */
export async function readConfig(home: string): Promise<ConfigValues> {
  const path = configPath(home);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new SealMQError('STATE_UNAVAILABLE', `cannot read ${path}`, cause);
  }
  return parse(path, text);
}

/** Replaces the file, atomically; mode 0600. @throws `STATE_UNAVAILABLE` */
export async function writeConfig(home: string, values: ConfigValues): Promise<void> {
  const path = configPath(home);
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
    throw new SealMQError('STATE_UNAVAILABLE', `cannot make ${folder}`, cause);
  });
  await writePrivateFile(path, `${JSON.stringify(values, null, 2)}\n`);
}

function parse(path: string, text: string): ConfigValues {
  let values: unknown;
  try {
    values = JSON.parse(text);
  } catch (cause) {
    throw new SealMQError('STATE_CORRUPT', `${path} is not JSON`, cause);
  }
  const isFlat =
    typeof values === 'object' &&
    values !== null &&
    !Array.isArray(values) &&
    Object.values(values).every((value) => typeof value === 'string');
  if (!isFlat) throw new SealMQError('STATE_CORRUPT', `${path} is not an object of texts`);
  return values as ConfigValues;
}
