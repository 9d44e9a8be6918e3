import { toHex, utf8 } from '../bytes/bytes.js';
import { encodePublicKey } from '../cose/key.js';
import type { CryptoProvider, KeyAlgorithm, KeyManagementName, PrivateKey, SignatureName } from '../crypto/provider.js';
import { suites } from '../crypto/suites.js';
import { isSealMQError } from '../errors.js';
import type { KeyVault } from '../ports/key-vault.js';
import type { TestFunctions } from './store-contract.js';

/** The key vault under test. */
export interface KeyVaultSubject {
  /** Opens the vault of that name, an empty one when the name is new. Opened again it has what was put; the first may close. */
  open(name: string): Promise<KeyVault>;
  /** The backend whose keys the vault keeps. */
  readonly provider: CryptoProvider;
}

/** What every {@link KeyVault} must do. */
export function keyVaultContract(
  name: string,
  subject: KeyVaultSubject,
  { describe, it, deepEqual }: TestFunctions,
): void {
  const { provider } = subject;
  let opened = 0;

  function onVault(what: string, test: (bench: Bench) => Promise<void>): void {
    it(what, async () => {
      const vaultName = `contract-${++opened}`;
      const vault = await subject.open(vaultName);
      await test({
        vault,
        deepEqual,
        generate: async (algorithm) => provider.generateKey(algorithm, vault.extractable),
        async getKept(keyName) {
          const kept = await (await subject.open(vaultName)).get(keyName);
          deepEqual(kept === undefined, false);
          return kept as PrivateKey;
        },
      });
    });
  }

  describe(name, () => {
    entries(onVault);
    for (const { signature, keyManagement } of suites) {
      if (provider.supports(signature)) signingKey(onVault, provider, signature);
      if (provider.supports(keyManagement)) receivingKey(onVault, provider, keyManagement);
    }

    onVault('gives keys that can be exported, or cannot, as it says', async ({ vault, generate, getKept }) => {
      await vault.put('a', await generate('Ed25519'));
      const outcome = await exportOutcome(provider, await getKept('a'));
      deepEqual(outcome, vault.extractable ? 'exported' : 'USAGE_KEY_NOT_EXTRACTABLE');
    });
  });
}

/** What a test has at hand. */
interface Bench {
  readonly vault: KeyVault;
  readonly deepEqual: TestFunctions['deepEqual'];
  generate(algorithm: KeyAlgorithm): Promise<PrivateKey>;
  /** The key as the vault hands it out when it is opened anew. */
  getKept(keyName: string): Promise<PrivateKey>;
}

type OnVault = (what: string, test: (bench: Bench) => Promise<void>) => void;

function entries(onVault: OnVault): void {
  onVault('answers undefined for a missing key', async ({ vault, deepEqual }) => {
    deepEqual(await vault.get('missing'), undefined);
    await vault.delete('missing');
  });

  onVault('replaces and deletes, each name for itself', async ({ vault, deepEqual, generate, getKept }) => {
    const [first, second] = [await generate('Ed25519'), await generate('Ed25519')];
    await vault.put('a', first);
    await vault.put('b', first);
    await vault.put('a', second);
    await vault.delete('b');
    deepEqual(await vault.get('b'), undefined);
    deepEqual(publicHalf(await getKept('a')), publicHalf(second));
  });
}

function signingKey(onVault: OnVault, provider: CryptoProvider, algorithm: SignatureName): void {
  onVault(`keeps a key that signs: ${algorithm}`, async ({ vault, deepEqual, generate, getKept }) => {
    const key = await generate(algorithm);
    await vault.put('sign', key);
    const kept = await getKept('sign');
    const signature = await provider.sign(kept, utf8('text'));
    deepEqual(kept.algorithm, algorithm);
    deepEqual(await provider.verify(algorithm, key.publicKey, utf8('text'), signature), true);
    deepEqual(await provider.verify(algorithm, key.publicKey, utf8('another'), signature), false);
  });
}

function receivingKey(onVault: OnVault, provider: CryptoProvider, algorithm: KeyManagementName): void {
  onVault(`keeps a key that receives: ${algorithm}`, async ({ vault, deepEqual, generate, getKept }) => {
    const key = await generate(algorithm);
    await vault.put('seal', key);
    const kept = await getKept('seal');
    deepEqual(publicHalf(kept), publicHalf(key));
    deepEqual(await receives(provider, kept), true);
  });
}

function publicHalf(key: PrivateKey): string {
  return toHex(encodePublicKey(key.publicKey));
}

/** Whether `key` undoes what was made for its public half. */
async function receives(provider: CryptoProvider, key: PrivateKey): Promise<boolean> {
  if (key.publicKey.kty === 'RSA') {
    const ciphertext = await provider.rsaOaepEncrypt(key.publicKey, utf8('secret'));
    const plaintext = await provider.rsaOaepDecrypt(key, ciphertext);
    return plaintext !== null && toHex(plaintext) === toHex(utf8('secret'));
  }
  const { ephemeralKey, sharedSecret } = await provider.agreeEphemeral(key.publicKey);
  const agreed = await provider.agree(key, ephemeralKey);
  return agreed !== null && toHex(agreed) === toHex(sharedSecret);
}

async function exportOutcome(provider: CryptoProvider, key: PrivateKey): Promise<string> {
  try {
    await provider.exportPrivateKey(key);
    return 'exported';
  } catch (error) {
    return isSealMQError(error) ? error.code : String(error);
  }
}
