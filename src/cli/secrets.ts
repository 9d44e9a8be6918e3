import { isSealMQError, SealMQError } from '../errors.js';
import { readGivenFile } from './files.js';
import { askSecret } from './prompt.js';
import type { Settings } from './settings.js';

/** A secret never stands on the command line, where other users see it: it comes by environment or file. */
interface SecretSource {
  readonly variable: string;
  readonly file: 'passphrase-file' | 'password-file';
}

const PASSPHRASE: SecretSource = { variable: 'SEALMQ_PASSPHRASE', file: 'passphrase-file' };
const PASSWORD: SecretSource = { variable: 'SEALMQ_PASSWORD', file: 'password-file' };

/** The environment variable with the passphrase of an exported identity. */
const EXPORT_VARIABLE = 'SEALMQ_EXPORT_PASSPHRASE';

/** The environment variable with the password for TURN servers. */
const ICE_VARIABLE = 'SEALMQ_ICE_CREDENTIAL';

const ATTEMPTS = 3;

/** The password for the broker, where one is given. @throws `USAGE_INVALID_ARGUMENT` for a file that cannot be read */
export function brokerPassword(settings: Settings): Promise<string | undefined> {
  return givenSecret(settings, PASSWORD);
}

/**
 * Does what needs the store's passphrase, which is asked for on a terminal when none was given and one is needed.
 *
 * @param attempt - throws `STATE_WRONG_PASSPHRASE` when it needs one, or another
 */
export async function withPassphrase<T>(
  settings: Settings,
  signal: AbortSignal,
  attempt: (passphrase: string | undefined) => Promise<T>,
): Promise<T> {
  const given = await givenSecret(settings, PASSPHRASE);
  for (let round = 0, passphrase = given; ; round++) {
    try {
      return await attempt(passphrase);
    } catch (error) {
      const mayAsk = given === undefined && round < ATTEMPTS && process.stdin.isTTY;
      if (!isSealMQError(error, 'STATE_WRONG_PASSPHRASE') || !mayAsk) throw error;
      passphrase = await askSecret('Passphrase of the store: ', signal);
    }
  }
}

/**
 * The passphrase of an exported identity: from a file, the environment, the store's own where one is given, or a terminal.
 *
 * @param twice - whether a person types it a second time, against mistakes
 * @throws `USAGE_INVALID_ARGUMENT` when there is none, or the second one differs
 */
export async function exportPassphrase(
  settings: Settings,
  signal: AbortSignal,
  { file, twice }: { file: string | undefined; twice: boolean },
): Promise<string> {
  if (file !== undefined) return readSecret(file);
  const given = fromEnvironment(EXPORT_VARIABLE) ?? (await givenSecret(settings, PASSPHRASE));
  if (given !== undefined) return given;
  if (!process.stdin.isTTY) {
    throw new SealMQError(
      'USAGE_INVALID_ARGUMENT',
      `an exported identity is under a passphrase: set ${EXPORT_VARIABLE}, or give --export-passphrase-file`,
    );
  }
  const passphrase = await askSecret('Passphrase of the identity file: ', signal);
  if (twice && passphrase !== (await askSecret('Once more: ', signal))) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', 'the two passphrases differ');
  }
  return passphrase;
}

/** The password for TURN servers, where one is given. @throws `USAGE_INVALID_ARGUMENT` for a file that cannot be read */
export async function iceCredential(file: string | undefined): Promise<string | undefined> {
  return file === undefined ? fromEnvironment(ICE_VARIABLE) : readSecret(file);
}

/** Option, environment, config file, in this order. */
async function givenSecret(settings: Settings, { variable, file }: SecretSource): Promise<string | undefined> {
  const path = settings.find(file);
  if (path?.source === 'option') return readSecret(path.value);
  return fromEnvironment(variable) ?? (path && readSecret(path.value));
}

function fromEnvironment(variable: string): string | undefined {
  return process.env[variable] || undefined;
}

/** The first line of a file. */
async function readSecret(path: string): Promise<string> {
  const [line = ''] = new TextDecoder().decode(await readGivenFile(path)).split(/\r?\n/);
  return line;
}
