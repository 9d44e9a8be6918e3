import { type CborValue, decodeCbor } from '../../src/bytes/cbor.js';
import { diagnose, folded, type Note } from './diagnostic.js';
import { contentNote, kdfContextNote, sealedNote, sign1Note } from './notes.js';
import type { RecipientVector, RecordVector, SealedVector, StatementVector, Vectors } from './types.js';

/** What stands between these two lines of the document is made from the vectors. */
const BLOCK = /<!-- vector ([a-z-]+) ([a-z0-9-]+) -->\n[\s\S]*?<!-- end vector -->/g;

const WRITERS: Readonly<Record<string, (vectors: Vectors, name: string) => string>> = {
  sealed: (vectors, name) => sealedBlock(vectors, find(vectors.sealed, name)),
  record: (vectors, name) => recordBlock(find(vectors.records, name)),
  statement: (vectors, name) => statementBlock(vectors, find(vectors.statements, name)),
};

/** The document with every block made afresh. */
export function embedVectors(document: string, vectors: Vectors): string {
  return document.replace(BLOCK, (_block, kind: string, name: string) => {
    const writer = WRITERS[kind];
    if (!writer) throw new RangeError(`no vectors of kind ${kind}`);
    return `<!-- vector ${kind} ${name} -->\n${writer(vectors, name)}\n<!-- end vector -->`;
  });
}

function sealedBlock(vectors: Vectors, sealed: SealedVector): string {
  const { signed, recipients } = sealed;
  const keys = recipients.map(
    ({ key }) => `Private sealing key of the receiver's device (COSE_Key):\n\n${hex(vectors.keys[key]?.privateKey)}`,
  );
  const padding = sealed.plaintext.length / 2 - signed.sign1.length / 2;
  return [
    ...keys,
    `Public signing key of the sender's device (COSE_Key):\n\n${hex(vectors.keys[sealed.signKey]?.publicKey)}`,
    `The sealed message, ${sealed.message.length / 2} bytes:\n\n${hex(sealed.message)}`,
    diagnostic(sealed.message, sealedNote),
    ...recipients.map(recipientSteps),
    'Content encryption key, Enc_structure, plaintext:',
    hex(sealed.contentEncryptionKey, sealed.encStructure, sealed.plaintext),
    `The plaintext is this Sign1 and ${padding} zero bytes:`,
    diagnostic(signed.sign1, sign1Note()),
    'SHA-256 of the recipients array, and the Sig_structure:',
    hex(sealed.recipientsHash, signed.sigStructure),
  ].join('\n\n');
}

function recipientSteps(recipient: RecipientVector): string {
  const { sharedSecret, kdfContext, keyEncryptionKey, oaepSeed } = recipient;
  if (kdfContext === undefined) return `The OAEP seed that was drawn:\n\n${hex(oaepSeed)}`;
  return [
    'Shared secret, COSE_KDF_Context, key encryption key:',
    hex(sharedSecret, kdfContext, keyEncryptionKey),
    diagnostic(kdfContext, kdfContextNote),
  ].join('\n\n');
}

function recordBlock({ record, hash }: RecordVector): string {
  return [
    `${record.length / 2} bytes, and their SHA-256:\n\n${hex(record, hash)}`,
    diagnostic(record, sign1Note({ embedded: contentNote })),
  ].join('\n\n');
}

function statementBlock(vectors: Vectors, statement: StatementVector): string {
  const { payload, sigStructure, sign1, detached, key } = statement;
  const content = detached ? `The payload, which does not travel:\n\n${diagnostic(payload, contentNote)}\n\n` : '';
  return [
    `Public key of the signer (COSE_Key):\n\n${hex(vectors.keys[key]?.publicKey)}`,
    `${content}The Sign1, and its Sig_structure:\n\n${hex(sign1, sigStructure)}`,
    diagnostic(sign1, sign1Note(detached ? {} : { embedded: contentNote })),
  ].join('\n\n');
}

function hex(...values: readonly (string | undefined)[]): string {
  return `\`\`\`hex\n${values.map((value) => folded(value ?? '')).join('\n\n')}\n\`\`\``;
}

function diagnostic(encoded: string, note: Note): string {
  const value: CborValue = decodeCbor(Uint8Array.from(Buffer.from(encoded, 'hex')));
  return `\`\`\`cbor-diag\n${diagnose(value, note)}\n\`\`\``;
}

function find<T extends { readonly name: string }>(list: readonly T[], name: string): T {
  const found = list.find((one) => one.name === name);
  if (!found) throw new RangeError(`no vector ${name}`);
  return found;
}
