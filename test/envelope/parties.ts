import { equal } from '../../src/bytes/bytes.js';
import { nativeProvider } from '../../src/crypto/native.js';
import { nobleProvider } from '../../src/crypto/noble.js';
import type { CryptoProvider, KeyAlgorithm, PrivateKey } from '../../src/crypto/provider.js';
import { run } from '../../src/crypto/steps.js';
import { type SuiteName, suites } from '../../src/crypto/suites.js';
import { keyThumbprint } from '../../src/crypto/thumbprints.js';
import { webcryptoProvider } from '../../src/crypto/webcrypto.js';
import type { OpenContext, OpenOutcome } from '../../src/protocol/envelope/index.js';

/** Directory time of all these tests, in seconds. */
export const NOW = 1_800_000_000;

export const native = nativeProvider();
export const noble = nobleProvider();
export const webcrypto = webcryptoProvider();
export const backends: readonly CryptoProvider[] = [native, noble, webcrypto];

/** A user with one device, whose keys live in one backend. */
export interface Party {
  readonly address: string;
  readonly provider: CryptoProvider;
  readonly signKey: PrivateKey;
  readonly sealKey: PrivateKey;
}

const generated = new Map<string, Promise<Uint8Array>>();

/** A private key as COSE_Key: one per algorithm and owner, since RSA keys take their time. */
function coseKey(algorithm: KeyAlgorithm, owner: string): Promise<Uint8Array> {
  const name = `${algorithm} ${owner}`;
  const known = generated.get(name) ?? make(algorithm);
  generated.set(name, known);
  return known;
}

async function make(algorithm: KeyAlgorithm): Promise<Uint8Array> {
  return native.exportPrivateKey(await native.generateKey(algorithm));
}

/** The party of that address; the same keys in every backend. */
export async function party(
  address: string,
  provider: CryptoProvider = native,
  suiteName: SuiteName = 'X25519-Ed25519',
): Promise<Party> {
  const suite = suites.find(({ name }) => name === suiteName) as (typeof suites)[number];
  const key = async (algorithm: KeyAlgorithm) =>
    provider.importPrivateKey(algorithm, await coseKey(algorithm, address));
  return { address, provider, signKey: await key(suite.signature), sealKey: await key(suite.keyManagement) };
}

/** How `receiver` opens messages of any of `senders`. */
export function contextOf(receiver: Party, senders: readonly Party[], changes: Partial<OpenContext> = {}): OpenContext {
  return {
    address: receiver.address,
    keys: [receiver.sealKey],
    now: NOW,
    senderKey: (from, kid) => {
      const sender = senders.find(({ address }) => address === from);
      if (!sender) return { refused: 'unknown-sender' };
      return equal(kid, thumbprintOf(sender.signKey)) ? { key: sender.signKey.publicKey } : { refused: 'unknown-key' };
    },
    ...changes,
  };
}

/** RFC 9679 thumbprint of a key, 32 bytes. */
export function thumbprintOf(key: PrivateKey): Uint8Array {
  return run(keyThumbprint(native, key.publicKey)) as Uint8Array;
}

/** One word for an outcome: its kind, and the code or reason where there is one. */
export function inShort(outcome: OpenOutcome): string {
  if ('error' in outcome) return `${outcome.kind} ${outcome.error.code}`;
  return 'reason' in outcome ? `${outcome.kind} ${outcome.reason}` : outcome.kind;
}
