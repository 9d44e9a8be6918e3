import { join } from 'node:path';
import type { Command } from 'commander';
import { toBase64url } from '../../bytes/base64url.js';
import { present } from '../../bytes/fields.js';
import type { RegisterOptions } from '../../client/registration.js';
import type { Contact } from '../../client/verification.js';
import { SealMQError } from '../../errors.js';
import { isAddress, isRegistrationId } from '../../protocol/address.js';
import { addAccountOptions, addExamples } from '../options.js';
import { openQuestions, type Questions } from '../prompt.js';
import { withPassphrase } from '../secrets.js';
import { findOrMakeAccount, type Place, type Program, unlessInterrupted, withMessenger } from '../session.js';
import { type OptionValues, readSettings, type Settings } from '../settings.js';

interface Options extends OptionValues {
  readonly email?: string;
  readonly phone?: string;
  readonly anonymous?: string;
  readonly json?: true;
}

/** `sealmq register` */
export function addRegister(root: Command, program: Program): void {
  const command = root
    .command('register')
    .description('publish your key record, so that others can write to you; makes the keys if there are none')
    .option('--email <ADDRESS>', 'where the directory is to send a code, which is then asked for')
    .option('--phone <NUMBER>', 'the same by text message; with country code: +49 …')
    .option(
      '--anonymous <USER>',
      'with a code: get an address that tells nothing; USER is part of it, but not to be read off it',
    )
    .option('--json', 'print JSON')
    .action((options: Options) => register(program, options));
  addExamples(
    addAccountOptions(command),
    'sealmq register --address alice',
    'sealmq register --address alice --broker mqtts://broker.example --directory https://keys.example',
    'sealmq register --address alice --email alice@example.org',
    'sealmq register --anonymous alice --email alice@example.org',
  );
}

/** The broker first: from the moment that others can write to us it must keep our mail. */
async function register(program: Program, options: Options): Promise<void> {
  const settings = await readSettings(options);
  const { email, phone, anonymous } = options;
  const contact = email === undefined && phone === undefined ? undefined : contactOf(email, phone);
  const place =
    anonymous === undefined
      ? await findOrMakeAccount(program, settings, true)
      : await anonymousPlace(program, settings, anonymous, contact);
  await withMessenger(program, settings, place, {}, async (messenger) => {
    const questions = contact && openQuestions(program.signal);
    try {
      const challenge = questions && { ...contact, code: askCode(program, questions) };
      await unlessInterrupted(program, messenger.register(challenge));
    } finally {
      questions?.close();
    }
    const { address, deviceId: device, record, registration } = messenger;
    const { version } = record;
    const until = registration?.expiresAt.toISOString();
    const identity = toBase64url(record.identity);
    if (options.json) return program.output.json(present({ address, device, identity, version, until }));
    await program.output.line(`${address} is registered: record version ${version}, device ${device}`);
    if (anonymous !== undefined) program.output.note(`use it with --address '${address}' --store '${place.store}'`);
  });
}

/** @throws `USAGE_INVALID_ARGUMENT` for both */
function contactOf(email: string | undefined, phone: string | undefined): Contact {
  if (email !== undefined && phone === undefined) return { email };
  if (phone !== undefined && email === undefined) return { phone };
  throw new SealMQError('USAGE_INVALID_ARGUMENT', 'a code goes to either --email or --phone');
}

function askCode({ output }: Program, questions: Questions): RegisterOptions['code'] {
  return ({ to, wrong }) => {
    if (wrong) output.note('that is not the code');
    return questions.ask(`Code that was sent to ${to}: `);
  };
}

/** The anonymous account of `userId`, made if there is none. */
async function anonymousPlace(
  { signal }: Program,
  settings: Settings,
  userId: string,
  contact: Contact | undefined,
): Promise<Place> {
  if (!contact) throw new SealMQError('USAGE_INVALID_ARGUMENT', '--anonymous goes with --email or --phone');
  const { anonymousAddress } = await import('../../client/anonymous-account.js');
  // Checked before it becomes part of a path.
  if (!isAddress(userId) || isRegistrationId(userId)) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', 'a user id has the form of a user name');
  }
  const store = settings.get('store') ?? join(settings.home, `anonymous-${userId}`);
  return withPassphrase(settings, signal, async (passphrase) => {
    const address = await anonymousAddress({ ...present({ passphrase }), store, anonymous: { userId, ...contact } });
    return present({ address, store, passphrase });
  });
}
