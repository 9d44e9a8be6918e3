import { readFileSync } from 'node:fs';

/** A key of the vectors, its COSE_Keys in hexadecimal. */
interface Key {
  readonly algorithm: string;
  readonly privateKey: string;
  readonly publicKey: string;
  readonly thumbprint: string;
}

interface Judged {
  readonly name: string;
  readonly message: string;
  readonly family: string;
  readonly address: string;
  readonly keys: readonly string[];
  readonly now: number;
  readonly sender: { readonly key: string } | { readonly refused: string };
  readonly expect: { readonly kind: string; readonly reason?: string };
}

interface Sealed {
  readonly name: string;
  readonly family: string;
  readonly signKey: string;
  readonly claims: Readonly<Record<string, unknown>>;
  readonly payload: string;
  readonly contentEncryptionKey: string;
  readonly iv: string;
  readonly recipients: readonly {
    readonly key: string;
    readonly sharedSecret?: string;
    readonly kdfContext?: string;
    readonly keyEncryptionKey?: string;
  }[];
  readonly recipientsArray: string;
  readonly recipientsHash: string;
  readonly signed: { readonly sigStructure: string };
  readonly plaintext: string;
  readonly externalAad: string;
  readonly encStructure: string;
  readonly message: string;
  readonly opensFor: readonly { readonly address: string; readonly key: string }[];
  readonly outcome: string;
}

interface Accepted {
  readonly name: string;
  readonly address: string;
  readonly version: number;
  readonly payload: string;
  readonly record: string;
  readonly hash: string;
}

interface Statement {
  readonly name: string;
  readonly purpose: string;
  readonly key: string;
  readonly payload: string;
  readonly detached: boolean;
  readonly sigStructure: string;
  readonly sign1: string;
}

interface Said {
  readonly statement: string;
  readonly sealed: string;
}

/** What test/vectors/relay.json holds. */
export interface RelayVectors {
  readonly speaker: { readonly signKey: string };
  readonly relay: { readonly identity: string; readonly sealKey: string };
  readonly message: string;
  readonly handIn: Said;
  readonly updates: readonly (Said & { readonly name: string })[];
  readonly wakeNotes: readonly { readonly name: string; readonly note: string; readonly dial?: string }[];
}

/** What test/vectors/envelope.json holds, as far as the reader looks at it. */
export interface Vectors {
  readonly now: number;
  readonly keys: Readonly<Record<string, Key>>;
  readonly sealed: readonly Sealed[];
  readonly tolerated: readonly Judged[];
  readonly refused: readonly Judged[];
  readonly records: readonly Accepted[];
  readonly refusedRecords: readonly { readonly name: string; readonly record: string; readonly kind: string }[];
  readonly successions: readonly {
    readonly known: string;
    readonly next: string;
    readonly expect: string;
    readonly dropped?: readonly string[];
    readonly vouched?: boolean;
  }[];
  readonly statements: readonly Statement[];
  readonly links: readonly Readonly<
    Record<'name' | 'text' | 'bytes' | 'hash' | 'offer' | 'offerSigStructure' | 'reveal' | 'welcome' | 'digits', string>
  >[];
  readonly control: Readonly<
    Record<
      'accepted' | 'tolerated',
      readonly { readonly name: string; readonly control: object; readonly bytes: string }[]
    >
  > & { readonly refused: readonly { readonly about: string; readonly bytes: string }[] };
  readonly batches: {
    readonly accepted: readonly { readonly name: string; readonly messages: object; readonly bytes: string }[];
    readonly refused: readonly { readonly about: string; readonly bytes: string }[];
  };
  readonly stateTags: readonly {
    readonly key: string;
    readonly device: string;
    readonly channel: string;
    readonly tag: string;
  }[];
  readonly cbor: Readonly<
    Record<'accepted' | 'refused', readonly { readonly about: string; readonly bytes: string }[]>
  >;
  readonly padding: readonly { readonly length: number; readonly minimum: number; readonly padded: number }[];
  readonly addresses: Readonly<Record<'accepted' | 'refused', readonly string[]>>;
}

/** A file of test/vectors. */
export function vectorsOf<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url), 'utf8'));
}

/** Bytes in hexadecimal; what is text already stays. */
export function hex(bytes: Uint8Array | string): string {
  return typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('hex');
}

/** One of a list by its name. */
export function named<T extends { readonly name: string }>(list: readonly T[], name: string): T {
  const found = list.find((each) => each.name === name);
  if (!found) throw new Error(`no vector ${name}`);
  return found;
}

/** A key by its name. */
export function keyOf({ keys }: Vectors, name: string): Key {
  const key = keys[name];
  if (!key) throw new Error(`no key ${name}`);
  return key;
}
