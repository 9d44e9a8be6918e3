/** `seal` and `open` without a messenger. The same code runs in the page and in Node: what differs is the backend. */
import type { PublicKey } from 'sealmq/cose';
import { type CryptoProvider, defaultProvider, nobleProvider, type SuiteName, webcryptoProvider } from 'sealmq/crypto';
import { open, seal } from 'sealmq/envelope';
import { generateDeviceKeys, run } from 'sealmq/identity';

/** The public keys of somebody who seals and opens. */
export interface PublicHalves {
  readonly signKey: PublicKey;
  readonly sealKey: PublicKey;
}

/** What came of opening. */
export interface Opened {
  readonly kind: string;
  readonly from?: string;
  readonly payload?: Uint8Array;
}

/** Somebody with keys of their own. */
export interface Correspondent {
  readonly publicHalves: PublicHalves;
  /** Seals `payload` for the reader. */
  write(reader: PublicHalves, payload: Uint8Array): Promise<Uint8Array>;
  /** Opens what the writer has sealed. */
  read(writer: PublicHalves, sealed: Uint8Array): Promise<Opened>;
}

const READER = 'reader';
const WRITER = 'writer';
const NOW = 1_800_000_000;

/** A correspondent with fresh keys of `suite`. @throws `USAGE_SUITE_UNAVAILABLE` */
export async function createCorrespondent(provider: CryptoProvider, suite: SuiteName): Promise<Correspondent> {
  const { signKey, sealKey } = await run(generateDeviceKeys(provider, suite, {}));
  return {
    publicHalves: { signKey: signKey.publicKey, sealKey: sealKey.publicKey },
    write: (reader, payload) =>
      seal(
        provider,
        { from: WRITER, audience: READER, issuedAt: NOW, payload },
        { signKey, recipients: [reader.sealKey] },
      ),
    async read(writer, sealed) {
      const senderKey = () => ({ key: writer.signKey });
      const outcome = await open(provider, sealed, { address: READER, keys: [sealKey], now: NOW, senderKey });
      if (outcome.kind !== 'opened') return { kind: outcome.kind };
      return { kind: outcome.kind, from: outcome.message.from, payload: outcome.message.payload };
    },
  };
}

/** The backends of a page; `default` is the one that the probe chooses. */
export type PageBackend = 'webcrypto' | 'noble' | 'default';

const backends: Readonly<Record<PageBackend, () => Promise<CryptoProvider>>> = {
  webcrypto: async () => webcryptoProvider(),
  noble: async () => nobleProvider(),
  default: defaultProvider,
};

/** The page's side: keys stay in the page under the number of their owner. */
export interface Correspondents {
  /** Makes a correspondent; its number is what the other functions ask for. */
  meet(backend: PageBackend, suite: SuiteName): Promise<{ readonly number: number } & PublicHalves>;
  write(number: number, reader: PublicHalves, payload: Uint8Array): Promise<Uint8Array>;
  read(number: number, writer: PublicHalves, sealed: Uint8Array): Promise<Opened>;
}

const met: Correspondent[] = [];

export const correspondents: Correspondents = {
  async meet(backend, suite) {
    const correspondent = await createCorrespondent(await backends[backend](), suite);
    return { number: met.push(correspondent) - 1, ...correspondent.publicHalves };
  },
  write: (number, reader, payload) => (met[number] as Correspondent).write(reader, payload),
  read: (number, writer, sealed) => (met[number] as Correspondent).read(writer, sealed),
};
