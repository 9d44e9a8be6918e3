import { unwrapWithPassphrase, wrapWithPassphrase } from '../adapters/store/passphrase.js';
import { type CborMap, decodeCbor, encodeCbor } from '../bytes/cbor.js';
import { isBytes, isText, readFields, toMap } from '../bytes/fields.js';
import type { CryptoProvider, KeyAlgorithm } from '../crypto/provider.js';
import { run } from '../crypto/steps.js';
import { DEFAULT_SUITE, signatureAlgorithms } from '../crypto/suites.js';
import { SealMQError } from '../errors.js';
import { type Account, generateDeviceKeys, verifyRecord } from '../protocol/identity/index.js';
import { assertArgument, text } from './arguments.js';
import type { LocalAccount } from './local-account.js';
import type { NewAccount } from './saved-account.js';

const PURPOSE = 'sealmq/1 identity';

/**
 * The identity of an account in a file under a passphrase: the identity key and the record, no device keys. Whoever has
 * both can enter devices into the account.
 *
 * @returns the container of `wrapWithPassphrase` around deterministic CBOR `{version: 1, algorithm, key, record}`
 * @throws `USAGE_NO_IDENTITY_KEY`, `USAGE_KEY_NOT_EXTRACTABLE` (browsers), `USAGE_INVALID_ARGUMENT` for an empty passphrase
 */
export async function exportIdentity(
  provider: CryptoProvider,
  account: LocalAccount,
  passphrase: string,
): Promise<Uint8Array> {
  assertArgument(passphrase, text, 'a passphrase');
  const { identityKey, record } = account;
  const key = await provider.exportPrivateKey(identityKey);
  const content = toMap({ version: 1, algorithm: identityKey.algorithm, key, record: record.bytes });
  return wrapWithPassphrase(provider, encodeCbor(content), passphrase, PURPOSE);
}

/**
 * The account in a file, with fresh keys for a new device: an import never copies a device.
 *
 * @throws `STATE_WRONG_PASSPHRASE`, `STATE_CORRUPT`, `STATE_NEWER_SCHEMA`; `DECODE_` codes for a record that does not verify
 */
export async function importIdentity(
  provider: CryptoProvider,
  { file, passphrase }: { file: Uint8Array; passphrase: string },
  { suite = DEFAULT_SUITE, extractable }: Pick<NewAccount, 'suite'> & { extractable: boolean },
): Promise<Account> {
  const content = decodeCbor(await unwrapWithPassphrase(provider, file, passphrase, PURPOSE));
  const fields = readFields(content, 'STATE_CORRUPT', 'identity file');
  if ((content as CborMap).get('version') !== 1) {
    throw new SealMQError('STATE_NEWER_SCHEMA', 'a newer release of SealMQ wrote this identity file');
  }
  const name = fields.required('algorithm', isText(32));
  const algorithm = signatureAlgorithms.find((row) => row.name === name)?.name as KeyAlgorithm | undefined;
  if (!algorithm) throw new SealMQError('STATE_CORRUPT', 'malformed identity file: algorithm');
  const identityKey = await provider.importPrivateKey(algorithm, fields.required('key', isBytes), extractable);
  const record = await run(verifyRecord(provider, fields.required('record', isBytes)));
  const device = await run(generateDeviceKeys(provider, suite, { extractable }));
  return { identityKey, device, record };
}
