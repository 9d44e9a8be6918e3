import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { qrLines, qrPng, qrSvg } from '../../adapters/qr/index.js';
import { present } from '../../bytes/fields.js';
import { SealMQError } from '../../errors.js';
import { type ContactOptions, withContacts } from '../contact-view.js';
import { addAccountOptions, addExamples, parseCount } from '../options.js';
import type { Program } from '../session.js';

interface ShowOptions extends ContactOptions {
  readonly name?: string;
  readonly days?: number;
  readonly svg?: string;
  readonly png?: string;
}

const DAY = 24 * 3600;

/** `sealmq contact show` */
export function addContactShow(contact: Command, program: Program): void {
  const command = contact
    .command('show')
    .description('your own contact card: a link, and a QR code on standard error')
    .option('--name <NAME>', 'what you call yourself: stands on the card')
    .option('--days <DAYS>', 'how long it can be added (default: 30)', parseCount)
    .option('--svg <FILE>', 'write the QR code as an SVG image instead')
    .option('--png <FILE>', 'write the QR code as a PNG image instead')
    .option('--json', 'print {address, link, qr, expiresAt} as JSON')
    .action((options: ShowOptions) => show(program, options));
  addExamples(
    addAccountOptions(command),
    'sealmq contact show --address alice --name Alice',
    'sealmq contact show --address alice --png alice.png',
  );
}

async function show(program: Program, options: ShowOptions): Promise<void> {
  const { output } = program;
  const details = present({ name: options.name, expiresIn: options.days && options.days * DAY });
  await withContacts(program, options, async (messenger) => {
    const { address } = messenger;
    const { link, qr, expiresAt } = await messenger.contactCard(details);
    if (options.svg !== undefined) await writeImage(options.svg, qrSvg(qr));
    if (options.png !== undefined) await writeImage(options.png, await qrPng(qr));
    if (options.json) return output.json({ address, link, qr, expiresAt: expiresAt.toISOString() });
    if (options.svg === undefined && options.png === undefined) output.picture(qrLines(qr));
    output.note(`The other side adds it with: sealmq contact add. It holds until ${expiresAt.toISOString()}.`);
    await output.line(link);
  });
}

/** A card is public, and so is its picture. */
async function writeImage(path: string, image: string | Uint8Array): Promise<void> {
  try {
    await writeFile(path, image);
  } catch (cause) {
    throw new SealMQError('STATE_UNAVAILABLE', `cannot write ${path}`, cause);
  }
}
