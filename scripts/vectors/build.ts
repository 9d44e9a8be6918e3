import { batches } from './batches.js';
import { controlVectors } from './control.js';
import { forgeFrom } from './forge.js';
import { keyVectors } from './keys.js';
import { linkVectors } from './links.js';
import { addresses, cbor, padding } from './plain.js';
import { recordCases, recordVectors, successions } from './records.js';
import { refusedContents } from './refused-content.js';
import { undecryptable } from './refused-keys.js';
import { refusedRecipients } from './refused-recipients.js';
import { refusedRecords } from './refused-records.js';
import { refusedStructures } from './refused-structure.js';
import { NOW, type SealedCase, sealedCases } from './sealed.js';
import { stateTags } from './state-tags.js';
import { statementVectors } from './statements.js';
import { tolerated } from './tolerated.js';
import type { Vectors } from './types.js';

const ABOUT =
  'Test vectors of the SealMQ wire format (docs/wire-format.md). Made by scripts/make-vectors.ts; bytes are hexadecimal. ' +
  'Nothing here is random: what a writer draws at random stands beside each vector.';

/** All vectors, the same each time. */
export function buildVectors(): Vectors {
  const sealed = sealedCases();
  const named = (name: string): SealedCase => {
    const found = sealed.find(({ vector }) => vector.name === name);
    if (!found) throw new RangeError(`no message ${name}`);
    return found;
  };
  const forgeOf = (name: string) => forgeFrom(named(name));
  const [forge, p256, rsa] = [forgeOf('default-suite'), forgeOf('p256-suite'), forgeOf('rsa-suite')];
  const [several, mixed] = [forgeOf('several-receivers'), named('mixed-suites')];
  const records = recordCases();
  const links = linkVectors(records);
  return {
    profile: 'sealmq/1',
    about: ABOUT,
    now: NOW,
    keys: keyVectors(),
    sealed: sealed.map(({ vector }) => vector),
    tolerated: tolerated(forge, mixed),
    refused: [
      ...refusedStructures(forge),
      ...refusedRecipients(forge),
      ...undecryptable(forge, p256, mixed),
      ...refusedContents({ forge, p256, rsa, several, mixed }),
    ],
    records: recordVectors(records),
    refusedRecords: refusedRecords(records),
    successions: successions(records),
    statements: statementVectors(records),
    links,
    control: controlVectors(records, links),
    batches,
    stateTags,
    cbor,
    padding,
    addresses,
  };
}

/** The text of `test/vectors/envelope.json`. */
export function vectorsFile(vectors: Vectors): string {
  return `${JSON.stringify(vectors, null, 2)}\n`;
}
