import { afterAll, describe, expect, it } from 'vitest';
import { staticDirectory } from '../../src/adapters/directory/static-directory.js';
import { httpKeyDirectory } from '../../src/adapters/http/http-key-directory.js';
import { createKeyProvider, type KeyProvider } from '../../src/server/key-provider/index.js';
import { keyDirectoryContract } from '../../src/testing/key-directory-contract.js';
import { provider } from './fixtures.js';

const tests = { describe, it, deepEqual: (actual: unknown, expected: unknown) => expect(actual).toEqual(expected) };
const servers: KeyProvider[] = [];

afterAll(async () => {
  for (const server of servers) await server.close();
});

keyDirectoryContract('staticDirectory', { open: () => staticDirectory({ provider }), provider }, tests);

keyDirectoryContract(
  'httpKeyDirectory',
  {
    provider,
    async open() {
      const server = await createKeyProvider();
      servers.push(server);
      return httpKeyDirectory({ url: server.url, provider, pin: server.directoryKey.thumbprint });
    },
  },
  tests,
);

keyDirectoryContract(
  'httpKeyDirectory over the platform’s fetch',
  {
    provider,
    async open() {
      const server = await createKeyProvider();
      servers.push(server);
      return httpKeyDirectory({ url: server.url, provider, fetch: (url, init) => fetch(url, init) });
    },
  },
  tests,
);
