import type { Command } from 'commander';
import type { Contacts } from '../../client/contacts.js';
import { type ContactOptions, contactLine, contactView, printContact, withContacts } from '../contact-view.js';
import { addAccountOptions, addExamples } from '../options.js';
import { openQuestions } from '../prompt.js';
import { type Program, withOffline } from '../session.js';
import { readSettings } from '../settings.js';
import { addContactAdd } from './contact-add.js';
import { addContactShow } from './contact-show.js';

/** What is done to one contact, by the name of the command. */
const CHANGES: Readonly<
  Record<string, { about: string; change(contacts: Contacts, address: string): Promise<unknown> }>
> = {
  block: {
    about: 'drop what they send, tell them nothing, and refuse to send to them',
    change: (contacts, address) => contacts.block(address),
  },
  unblock: {
    about: 'hear them again',
    change: (contacts, address) => contacts.unblock(address),
  },
  'accept-key': {
    about:
      'take the new identity key that waits for a decision; compare safety numbers first (safety-number --offered)',
    change: (contacts, address) => contacts.acceptKey(address),
  },
  'refuse-key': {
    about: 'refuse the new identity key: what it signs is dropped',
    change: (contacts, address) => contacts.refuseKey(address),
  },
  remove: {
    about: 'forget the contact, a block included',
    change: (contacts, address) => contacts.remove(address),
  },
};

/** `sealmq contact` and the commands below it */
export function addContact(root: Command, program: Program): void {
  const contact = root.command('contact').helpCommand(false).description('your contact card, and whom you know');
  addContactShow(contact, program);
  addContactAdd(contact, program);
  const list = contact
    .command('list')
    .description('print your contacts; needs no network')
    .option('--json', 'print a JSON array')
    .action((options: ContactOptions) => listContacts(program, options));
  const rename = contact
    .command('rename')
    .description('call a contact otherwise')
    .argument('<ADDRESS>')
    .argument('[NAME]', 'without it, by no name')
    .option('--json', 'print JSON')
    .action((address: string, name: string | undefined, options: ContactOptions) =>
      withContacts(program, options, async ({ contacts }) =>
        printContact(program, await contacts.rename(address, name), options),
      ),
    );
  const verify = contact
    .command('verify')
    .description('compare the safety number that they show, and mark their key as verified if it is the same')
    .argument('<ADDRESS...>', 'several share one number: each of them must show it')
    .option('--json', 'print a JSON array')
    .option('--number <NUMBER>', '60 digits, or the text of the QR code; without it, the first line of standard input')
    .action((addresses: string[], options: VerifyOptions) => verifyContacts(program, addresses, options));
  addExamples(addAccountOptions(list), 'sealmq contact list --address alice');
  addExamples(addAccountOptions(rename), 'sealmq contact rename bob "Bob B." --address alice');
  addExamples(addAccountOptions(verify), 'sealmq contact verify bob --address alice');
  for (const [name, { about, change }] of Object.entries(CHANGES)) {
    const command = contact
      .command(name)
      .description(about)
      .argument('<ADDRESS>')
      .option('--json', 'print JSON')
      .action((address: string, options: ContactOptions) => changeContact(program, address, options, change));
    addExamples(addAccountOptions(command), `sealmq contact ${name} bob --address alice`);
  }
  addExamples(
    contact,
    'sealmq contact show --address bob                   # a link and a QR code, for Alice',
    'sealmq contact add sealmq:card/… --address alice',
    'sealmq safety-number alice --address bob            # the same on both sides, or somebody is in between',
    'sealmq contact verify bob --address alice',
  );
}

interface VerifyOptions extends ContactOptions {
  readonly number?: string;
}

async function listContacts(program: Program, options: ContactOptions): Promise<void> {
  const { output } = program;
  const settings = await readSettings(options);
  await withOffline(program, settings, { create: false }, async ({ contacts }) => {
    if (options.json) return output.json(contacts.map(contactView));
    for (const contact of contacts) await output.line(contactLine(contact));
  });
}

async function changeContact(
  program: Program,
  address: string,
  options: ContactOptions,
  change: (contacts: Contacts, address: string) => Promise<unknown>,
): Promise<void> {
  await withContacts(program, options, async ({ contacts }) => {
    await change(contacts, address);
    const contact = contacts.get(address);
    if (contact) return printContact(program, contact, options);
    await (options.json ? program.output.json(null) : program.output.line(`${address} is not among the contacts`));
  });
}

async function verifyContacts(program: Program, addresses: string[], options: VerifyOptions): Promise<void> {
  const { output, signal } = program;
  const questions = openQuestions(signal);
  try {
    const number = options.number ?? (await questions.ask('Safety number that they show: '));
    await withContacts(program, options, async ({ contacts }) => {
      await contacts.verify(addresses, number);
      const verified = addresses.flatMap((address) => contacts.get(address) ?? []);
      if (options.json) return output.json(verified.map(contactView));
      for (const contact of verified) await output.line(contactLine(contact));
    });
  } finally {
    questions.close();
  }
}
