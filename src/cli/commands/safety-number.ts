import type { Command } from 'commander';
import { qrLines } from '../../adapters/qr/terminal.js';
import { type ContactOptions, withContacts } from '../contact-view.js';
import { addAccountOptions, addExamples } from '../options.js';
import type { Program } from '../session.js';

interface NumberOptions extends ContactOptions {
  readonly offered?: true;
}

/** `sealmq safety-number` */
export function addSafetyNumber(root: Command, program: Program): void {
  const command = root
    .command('safety-number')
    .description('print the number that you and others see alike, unless somebody is in between')
    .argument('<ADDRESS...>', 'you and these; the order does not matter')
    .option('--offered', 'with the new identity key that waits for a decision')
    .option('--json', 'print {digits, code} as JSON')
    .action((addresses: string[], options: NumberOptions) => print(program, addresses, options));
  addExamples(
    addAccountOptions(command),
    'sealmq safety-number bob --address alice',
    'sealmq safety-number bob carol --address alice',
  );
}

async function print(program: Program, addresses: string[], options: NumberOptions): Promise<void> {
  const { output } = program;
  await withContacts(program, options, async ({ contacts }) => {
    const number = await contacts.safetyNumber(addresses, { offered: options.offered === true });
    if (options.json) return output.json(number);
    output.picture(qrLines(number.code));
    output.note('Compare it with what they see: read it aloud, or scan it. Then: sealmq contact verify');
    await output.line(number.digits);
  });
}
