import { beforeAll, expect, test } from 'vitest';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { Messenger } from '../../src/client/messenger.js';
import { closing } from '../client/world.js';
import { ensureBuilt } from './built.js';
import { serve } from './sealmq.js';

beforeAll(ensureBuilt, 120_000);

test('serve --relay: one message reaches two, by a relay that the directory names', async () => {
  const { mqtt, http } = await serve('--relay');
  const join = async (address: string) => {
    const messenger = await Messenger.open({ address, broker: mqtt, directory: http, store: memoryStore() });
    closing(() => messenger.close());
    await messenger.register();
    return messenger;
  };
  const [alice] = [await join('alice'), await join('bob'), await join('carol')];
  const sent = await alice.send(['bob', 'carol'], 'hello');
  expect((await sent.outcomes).map(({ kind }) => kind)).toEqual(['accepted', 'accepted']);
});
