import { unavailable } from './backend.js';
import { nobleProvider } from './noble.js';
import type { CryptoProvider } from './provider.js';
import { selfTest } from './self-test.js';
import { webcryptoProvider } from './webcrypto.js';

/** Fastest first. The native one is a chunk of its own that is only fetched where its module exists. */
const candidates: readonly (() => Promise<CryptoProvider>)[] = [
  async () => {
    if (typeof globalThis.process?.getBuiltinModule !== 'function') throw unavailable('the native backend');
    return (await import('./native.js')).nativeProvider();
  },
  async () => webcryptoProvider(),
  async () => nobleProvider(),
];

let chosen: Promise<CryptoProvider> | undefined;

/**
 * The fastest backend that passes its {@link selfTest} in this runtime: native, webcrypto or noble. Found once.
 *
 * @throws {@link SealMQError} `USAGE_SUITE_UNAVAILABLE` when none does; its `cause` is why the last one failed
 */
export function defaultProvider(): Promise<CryptoProvider> {
  chosen ??= choose();
  return chosen;
}

async function choose(): Promise<CryptoProvider> {
  let cause: unknown;
  for (const load of candidates) {
    try {
      const provider = await load();
      const failed = await selfTest(provider);
      if (failed.length === 0) return provider;
      cause = unavailable(`${provider.name}: ${failed.join(', ')}`);
    } catch (error) {
      cause = error;
    }
  }
  throw unavailable('a working crypto backend', cause);
}
