import type { KeyAlgorithm } from '../../src/crypto/provider.js';
import type { ErrorCode } from '../../src/errors.js';
import type { BatchMessage } from '../../src/protocol/envelope/batch.js';
import type { Control, LinkControl, RecordNotice } from '../../src/protocol/envelope/control.js';
import type { OpenOutcome, SenderRefusal } from '../../src/protocol/envelope/open.js';
import type { Family } from '../../src/protocol/envelope/topics.js';
import type { RecordChange } from '../../src/protocol/identity/chain.js';

/** The shape of `test/vectors/envelope.json`. Bytes are lower-case hexadecimal everywhere. */
export type Hex = string;

/** A fixed key, under the name that the other vectors use for it. */
export interface KeyVector {
  readonly algorithm: KeyAlgorithm;
  /** COSE_Key with the secret parameters. */
  readonly privateKey: Hex;
  /** COSE_Key with the required parameters only: what the thumbprint is over. */
  readonly publicKey: Hex;
  /** RFC 9679, SHA-256. */
  readonly thumbprint: Hex;
}

/** How the content encryption key was wrapped to one device. */
export interface RecipientVector {
  readonly key: string;
  readonly kid: Hex;
  readonly ephemeralPrivateKey?: Hex;
  readonly ephemeralKey?: Hex;
  readonly sharedSecret?: Hex;
  readonly kdfContext?: Hex;
  readonly keyEncryptionKey?: Hex;
  readonly oaepSeed?: Hex;
  readonly wrappedKey: Hex;
}

/** The sender's Sign1 and what went into it. */
export interface SignedVector {
  readonly protectedHeader: Hex;
  readonly externalAad: Hex;
  readonly sigStructure: Hex;
  readonly pssSalt?: Hex;
  readonly signature: Hex;
  readonly sign1: Hex;
}

/** One sealed message with every intermediate value. */
export interface SealedVector {
  readonly name: string;
  readonly about: string;
  readonly family: Family;
  /** Name of the sender device's signing key. */
  readonly signKey: string;
  readonly claims: ClaimsVector;
  readonly payload: Hex;
  readonly padding: number | false;
  readonly contentEncryptionKey: Hex;
  readonly iv: Hex;
  readonly recipients: readonly RecipientVector[];
  readonly recipientsArray: Hex;
  readonly recipientsHash: Hex;
  readonly signed: SignedVector;
  readonly plaintext: Hex;
  readonly externalAad: Hex;
  readonly encStructure: Hex;
  readonly ciphertext: Hex;
  readonly message: Hex;
  /** Who opens it: as which receiver, with which private key. */
  readonly opensFor: readonly { readonly address: string; readonly key: string }[];
  /** What opening it at directory time `now` yields. */
  readonly outcome: 'opened' | 'expired' | 'from-the-future';
}

/** The claims of a message, byte strings in hexadecimal. */
export interface ClaimsVector {
  readonly from: string;
  readonly audience: string | readonly string[];
  readonly issuedAt: number;
  readonly expiresAt?: number;
  readonly id: Hex;
  readonly contentType?: string;
  readonly seq?: number | readonly number[];
  readonly stream?: number;
  readonly channel?: string;
  readonly to?: string | readonly string[];
  readonly inReplyTo?: Hex;
  readonly version?: number;
  readonly tagKey?: Hex;
}

/** Bytes that somebody tries to open, and what must come of it. */
export interface OpeningVector {
  readonly name: string;
  readonly about: string;
  readonly message: Hex;
  readonly family: Family;
  readonly address: string;
  /** Names of the private keys of the device that opens. */
  readonly keys: readonly string[];
  readonly now: number;
  /** What the look-up of the sender's key answers. */
  readonly sender: { readonly key: string } | { readonly refused: SenderRefusal };
  readonly expect: {
    readonly kind: OpenOutcome['kind'];
    readonly code?: ErrorCode;
    readonly reason?: SenderRefusal;
  };
}

/** A signature over something else than a message. */
export interface StatementVector {
  readonly name: string;
  readonly about: string;
  readonly purpose: string;
  readonly key: string;
  readonly payload: Hex;
  readonly detached: boolean;
  readonly sigStructure: Hex;
  readonly sign1: Hex;
}

/** A key record that verifies. */
export interface RecordVector {
  readonly name: string;
  readonly about: string;
  readonly address: string;
  readonly version: number;
  readonly identityKey: string;
  readonly payload: Hex;
  readonly record: Hex;
  readonly hash: Hex;
}

/** A key record that does not verify by itself. */
export interface RefusedRecordVector {
  readonly name: string;
  readonly about: string;
  readonly record: Hex;
  /** `malformed`: it has not the form of a record; `unverifiable`: a signature in it is not valid. */
  readonly kind: 'malformed' | 'unverifiable';
  readonly code: ErrorCode;
}

/** The same with bytes as JSON has them. */
type HexFields<T> = { readonly [Name in keyof T]: T[Name] extends Uint8Array | undefined ? Hex : T[Name] };

/** A control message, as the payload of a sealed message of family `control`. */
export interface ControlVector {
  readonly name: string;
  readonly about: string;
  /** Binary fields are in hexadecimal. */
  readonly control: Exclude<Control, RecordNotice | LinkControl> | HexFields<RecordNotice> | HexFields<LinkControl>;
  readonly bytes: Hex;
}

/** One message of a batch; binary fields are in hexadecimal. */
export type BatchedVector = HexFields<BatchMessage>;

/** A device link and what the two devices say about it. */
export interface LinkVector {
  readonly name: string;
  readonly about: string;
  readonly identityKey: string;
  readonly signKey: string;
  readonly text: string;
  readonly bytes: Hex;
  readonly hash: Hex;
  readonly offerNonce: Hex;
  readonly revealNonce: Hex;
  readonly offer: Hex;
  readonly offerSigStructure: Hex;
  readonly reveal: Hex;
  /** With the record alice-2, which does not have the device: an example of the form. */
  readonly welcome: Hex;
  readonly digits: string;
}

/** The file. */
export interface Vectors {
  readonly profile: 'sealmq/1';
  readonly about: string;
  readonly now: number;
  readonly keys: Readonly<Record<string, KeyVector>>;
  readonly sealed: readonly SealedVector[];
  /** Written by nobody yet, and to be opened all the same: what a reader ignores. */
  readonly tolerated: readonly OpeningVector[];
  readonly refused: readonly OpeningVector[];
  readonly records: readonly RecordVector[];
  readonly refusedRecords: readonly RefusedRecordVector[];
  /** How `next` follows `known` (names of records). */
  readonly successions: readonly {
    readonly known: string;
    readonly next: string;
    readonly expect: RecordChange['kind'];
    readonly vouched?: boolean;
    readonly dropped?: readonly string[];
  }[];
  readonly statements: readonly StatementVector[];
  readonly links: readonly LinkVector[];
  readonly control: {
    /** Read and written alike. */
    readonly accepted: readonly ControlVector[];
    /** Read, though nobody writes them. */
    readonly tolerated: readonly ControlVector[];
    readonly refused: readonly { readonly about: string; readonly bytes: Hex }[];
  };
  /** Payloads of messages that carry several. */
  readonly batches: {
    readonly accepted: readonly {
      readonly name: string;
      readonly about: string;
      readonly messages: readonly BatchedVector[];
      readonly bytes: Hex;
    }[];
    readonly refused: readonly { readonly about: string; readonly bytes: Hex }[];
  };
  /** The last level of a state's topic. */
  readonly stateTags: readonly {
    readonly key: Hex;
    readonly device: string;
    readonly channel: string;
    readonly tag: string;
  }[];
  readonly cbor: {
    readonly accepted: readonly { readonly about: string; readonly bytes: Hex }[];
    readonly refused: readonly { readonly about: string; readonly bytes: Hex }[];
  };
  readonly padding: readonly { readonly length: number; readonly minimum: number; readonly padded: number }[];
  readonly addresses: { readonly accepted: readonly string[]; readonly refused: readonly string[] };
}
