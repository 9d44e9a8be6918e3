import { expect, test } from 'vitest';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { Messenger } from '../../src/client/messenger.js';
import type { MessengerOptions } from '../../src/client/options.js';
import { identity } from '../broker/clients.js';
import { closing, take } from '../client/world.js';
import { openDirectory, openGuarded } from './desk.js';

test.each(['mqttUrl', 'wsUrl'] as const)(
  'the whole way over TLS (%s), for whoever trusts the authority',
  async (name) => {
    const [cert, key] = [identity.cert.toString(), identity.key.toString()];
    const directory = await openDirectory({ tls: { cert, key } });
    const broker = await openGuarded(directory, { tls: { cert, key }, ws: 0 });
    const urls = [broker[name], directory.url];
    expect(urls).toEqual([expect.stringMatching(/^(mqtts|wss):/), expect.stringMatching(/^https:/)]);
    const open = async (address: string, options: Partial<MessengerOptions>) => {
      const places = { broker: broker[name] as string, directory: directory.url };
      const messenger = await Messenger.open({ address, ...places, store: memoryStore(), ...options });
      closing(() => messenger.close());
      return messenger;
    };
    const trusting = { tls: { ca: cert } };
    const [alice, bob] = [await open('alice', trusting), await open('bob', trusting)];
    await Promise.all([alice.register(), bob.register()]);
    const sent = await alice.send('bob', 'nobody on the way sees even the topic');
    expect((await take(bob, 1))[0]?.from).toBe('alice');
    await sent.delivered;
    await expect(open('carol', { connectTimeout: 500 })).rejects.toMatchObject({ code: 'TRANSPORT_TIMEOUT' });
  },
);
