/**
 * The contract suites of the ports, over IndexedDB. Node runs through this to know the names of the tests, the page to have
 * the tests themselves.
 */
import { browserRtc } from '../../../src/adapters/rtc/browser.js';
import { encryptedStore } from '../../../src/adapters/store/encrypted-store.js';
import { indexedDbKeyVault } from '../../../src/adapters/store/indexed-db-key-vault.js';
import { openLevelStore } from '../../../src/adapters/store/level-store.js';
import { storeKeyVault } from '../../../src/adapters/store/store-key-vault.js';
import { nobleProvider } from '../../../src/crypto/noble.js';
import { webcryptoProvider } from '../../../src/crypto/webcrypto.js';
import type { Rtc } from '../../../src/ports/rtc.js';
import type { Store } from '../../../src/ports/store.js';
import { keyVaultContract } from '../../../src/testing/key-vault-contract.js';
import { rtcContract } from '../../../src/testing/rtc-contract.js';
import { storeContract, type TestFunctions } from '../../../src/testing/store-contract.js';

const DATA_KEY = new Uint8Array(32).fill(7);

/** Declares all suites. */
export function contractSuites(tests: TestFunctions): void {
  const [web, noble] = [webcryptoProvider(), nobleProvider()];

  // Node has none, and only wants the names.
  const rtc = browserRtc() as Rtc;
  rtcContract('the WebRTC of this browser', { left: rtc, right: rtc }, tests);

  storeContract('a store in IndexedDB', { open: (name) => openLevelStore(`plain ${name}`), durable: true }, tests);

  const open = async (name: string) => encryptedStore(await openLevelStore(name), DATA_KEY, web);
  storeContract('an encrypted store in IndexedDB', { open: (name) => open(`encrypted ${name}`), durable: true }, tests);

  keyVaultContract(
    'a key vault of CryptoKeys',
    { open: async (name) => indexedDbKeyVault(name), provider: web },
    tests,
  );

  const opened = new Map<string, Store>();
  keyVaultContract(
    'a key vault in an encrypted store',
    {
      async open(name) {
        await opened.get(name)?.close();
        const store = await open(`vault ${name}`);
        opened.set(name, store);
        return storeKeyVault(store, noble);
      },
      provider: noble,
    },
    tests,
  );
}
