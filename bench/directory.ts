import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { LRUCache } from 'lru-cache';
import { createKeyCache, httpKeyDirectory, memoryStore } from 'sealmq';
import { defaultProvider } from 'sealmq/crypto';
import { createAccount, run } from 'sealmq/identity';
import { createKeyProvider } from 'sealmq/server';
import { Agent, request } from 'undici';
import { type Result, sideBySide } from './measure.js';

const IN_FLIGHT = 16;
const ADDRESSES = 1000;

/** A cached look-up beside the bare lru-cache, and cold ones over HTTP beside a bare HTTP server with the same bytes. */
export async function directory(): Promise<Result[]> {
  const provider = await defaultProvider();
  const now = Math.floor(Date.now() / 1000);
  const server = await createKeyProvider({ limits: { reads: false, writes: false } });
  const client = httpKeyDirectory({ url: server.url, provider, store: memoryStore() });
  const names = Array.from({ length: ADDRESSES }, (_, i) => `user-${i}`);
  const bare = new LRUCache<string, object>({ max: 10_000 });
  const cache = createKeyCache({ directory: client, provider });
  let size = 0;
  for (const address of names) {
    const { record } = await run(createAccount(provider, { address, now }));
    await client.publish(address, record.bytes);
    bare.set(address, record);
    await cache.record(address);
    size = record.bytes.length;
  }
  const plain = await bareServer(size);
  const agent = new Agent({ connections: IN_FLIGHT });

  let i = 0;
  const name = () => names[i++ % ADDRESSES] as string;
  const cached = await sideBySide({ cached: () => cache.cached(name()), bare: () => bare.get(name()) });
  const cold = await sideBySide({
    verified: () => Promise.all(Array.from({ length: IN_FLIGHT }, () => client.lookup(name()))),
    bare: () =>
      Promise.all(
        Array.from({ length: IN_FLIGHT }, async () => (await request(plain.url, { dispatcher: agent })).body.bytes()),
      ),
  });
  await agent.close();
  await plain.close();
  await cache.close();
  await client.close();
  await server.close();
  const perSecond = (microseconds: number) => (IN_FLIGHT * 1e6) / microseconds;
  return [
    {
      name: 'cached look-up',
      value: 1e6 / cached.cached,
      unit: '/s',
      beside: 'lru-cache',
      ratio: cached.bare / cached.cached,
    },
    {
      name: 'cold look-up over HTTP',
      value: perSecond(cold.verified),
      unit: '/s',
      beside: 'bare HTTP',
      ratio: cold.bare / cold.verified,
    },
  ];
}

async function bareServer(size: number) {
  const body = Buffer.alloc(size);
  const server = createServer((_request, response) => response.end(body)).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}
