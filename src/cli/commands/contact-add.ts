import type { Command } from 'commander';
import { present } from '../../bytes/fields.js';
import { type ContactOptions, printContact, withContacts } from '../contact-view.js';
import { addAccountOptions, addExamples } from '../options.js';
import { openQuestions } from '../prompt.js';
import type { Program } from '../session.js';

interface AddCommandOptions extends ContactOptions {
  readonly name?: string;
  readonly verified?: true;
  readonly replace?: true;
}

/** `sealmq contact add` */
export function addContactAdd(contact: Command, program: Program): void {
  const command = contact
    .command('add')
    .description('add somebody by their contact card, or by their address with the key that the directory has')
    .argument('[CARD]', 'sealmq:card/…, or an address; without it, the first line of standard input')
    .option('--name <NAME>', 'what to call them')
    .option('--verified', 'nobody can have swapped the card, since you scanned it off their own screen')
    .option('--replace', 'the card is right, whatever key was known before')
    .option('--json', 'print JSON')
    .action((card: string | undefined, options: AddCommandOptions) => add(program, card, options));
  addExamples(
    addAccountOptions(command),
    'sealmq contact add --address alice --name Bob < bobs-card.txt',
    'sealmq contact add bob --address alice',
  );
}

async function add(program: Program, given: string | undefined, options: AddCommandOptions): Promise<void> {
  const { name, verified, replace } = options;
  const who = given ?? (await askForCard(program));
  await withContacts(program, options, async (messenger) => {
    const contact = await messenger.contacts.add(who, present({ name, verified, replace }));
    await printContact(program, contact, options);
  });
}

async function askForCard({ signal }: Program): Promise<string> {
  const questions = openQuestions(signal);
  try {
    return await questions.ask('Contact card, or address: ');
  } finally {
    questions.close();
  }
}
