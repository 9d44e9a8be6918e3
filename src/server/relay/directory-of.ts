import { httpKeyDirectory } from '../../adapters/http/http-key-directory.js';
import { nativeProvider } from '../../crypto/native.js';
import type { KeyDirectory } from '../../ports/key-directory.js';
import type { KeyProvider } from '../key-provider/key-provider.js';

/** The directory of this very process, without a way over the network: what a relay beside it asks. */
export function directoryOf({ app, url, directoryKey }: KeyProvider): KeyDirectory {
  return httpKeyDirectory({
    ...{ url, provider: nativeProvider(), pin: directoryKey.thumbprint },
    // Nothing leaves the process, whatever the URL says.
    ...{ allowInsecure: true, fetch: (input: string, init: RequestInit) => app(new Request(input, init)) },
  });
}
