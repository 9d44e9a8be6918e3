import { afterEach, describe, expect, it } from 'vitest';
import { httpKeyDirectory } from '../../src/adapters/http/http-key-directory.js';
import type { KeyDirectory } from '../../src/ports/key-directory.js';
import type { Store } from '../../src/ports/store.js';
import { createKeyProvider, type KeyProvider } from '../../src/server/key-provider/index.js';
import { codeOf, lastingStore, manualClock, provider } from './fixtures.js';
import { type TamperingServer, tamperingServer } from './tampering-server.js';

const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

function kept<T extends { close(): Promise<void> }>(each: T): T {
  open.push(each);
  return each;
}

/** A directory whose provider can be exchanged behind its back. */
async function world(): Promise<{
  clock: ReturnType<typeof manualClock>;
  server: TamperingServer;
  provider: KeyProvider;
  exchange(): Promise<KeyProvider>;
  client(store?: Store, pin?: string): KeyDirectory;
}> {
  const clock = manualClock();
  let present = kept(await createKeyProvider({ clock }));
  const server = kept(await tamperingServer(() => present));
  return {
    clock,
    server,
    provider: present,
    async exchange() {
      present = kept(await createKeyProvider({ clock }));
      return present;
    },
    client: (store, pin) =>
      kept(
        httpKeyDirectory({
          url: server.url,
          provider,
          clock,
          ...(store && { store }),
          ...(pin !== undefined && { pin }),
        }),
      ),
  };
}

describe('the key of a directory', () => {
  it('is believed on first use and remembered over a restart', async () => {
    const { server, client, exchange } = await world();
    const store = lastingStore();
    expect((await client(store).lookup('alice')).kind).toBe('none');
    expect((await client(store).lookup('alice')).kind).toBe('none');
    expect(server.paths.filter((path) => path === '/v1/directory-key')).toHaveLength(1);
    await exchange();
    expect(await codeOf(client(store).lookup('alice'))).toBe('DIRECTORY_KEY_CHANGED');
    expect((await client(lastingStore()).lookup('alice')).kind).toBe('none');
  });

  it('that is pinned is the only one, even on first use', async () => {
    const { client, exchange, provider: first } = await world();
    const second = await exchange();
    expect(await codeOf(client(undefined, first.directoryKey.thumbprint).lookup('alice'))).toBe(
      'DIRECTORY_KEY_CHANGED',
    );
    expect((await client(undefined, second.directoryKey.thumbprint).lookup('alice')).kind).toBe('none');
    expect(() => client(undefined, 'AAAA')).toThrow(expect.objectContaining({ code: 'USAGE_INVALID_ARGUMENT' }));
  });

  it('hands over to the next one, seen by who was there and by who comes back late', async () => {
    const { clock, client, provider: server } = await world();
    const [present, away] = [client(lastingStore()), client(lastingStore())];
    const pin = server.directoryKey.thumbprint;
    await present.lookup('alice');
    await away.lookup('alice');
    for (let round = 0; round < 3; round++) {
      await server.rotateDirectoryKey({ overlap: 3600 });
      expect((await present.lookup('alice')).kind).toBe('none');
      clock.advance(3601);
      expect((await present.lookup('alice')).kind).toBe('none');
      expect(server.directoryKey.thumbprint).not.toBe(pin);
    }
    expect((await away.lookup('alice')).kind).toBe('none');
    expect((await client(undefined, pin).lookup('alice')).kind).toBe('none');
    expect(await present.time()).toBe(clock.now());
  });

  it('is not trusted any longer after its successor took over', async () => {
    const { clock, server, client, provider: honest } = await world();
    const directory = client(lastingStore());
    const old = await honest.app(new Request(`${honest.url}/v1/keys/alice`));
    await honest.rotateDirectoryKey({ overlap: 60 });
    await directory.lookup('alice');
    clock.advance(61);
    await directory.lookup('alice');
    server.tamper = ({ path, headers }) => {
      if (path.startsWith('/v1/keys/')) headers.set('sealmq-freshness', old.headers.get('SealMQ-Freshness') ?? '');
    };
    expect(await codeOf(directory.lookup('alice'))).toBe('DIRECTORY_KEY_CHANGED');
  });
});
