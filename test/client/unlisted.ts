import { httpKeyDirectory } from '../../src/adapters/http/http-key-directory.js';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import type { Messenger } from '../../src/client/messenger.js';
import type { KeyDirectory } from '../../src/ports/key-directory.js';
import { isRegistrationId } from '../../src/protocol/address.js';
import { provider } from './liar.js';
import type { World } from './world.js';

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** A registration id, the same for the same name. */
export const hrid = (name: string) =>
  `~${Array.from({ length: 52 }, (_, i) => BASE32[(name.charCodeAt(i % name.length) * (i + 7)) & 31]).join('')}`;

/** A directory that has names only, and notes who was asked for. */
export function namesOnly(world: World): KeyDirectory & { readonly asked: string[] } {
  const real = httpKeyDirectory({ url: world.directory.url, provider, store: memoryStore() });
  const asked: string[] = [];
  return {
    ...real,
    asked,
    async lookup(address, knownHash) {
      asked.push(address);
      return isRegistrationId(address) ? { kind: 'none', maxAge: 0 } : real.lookup(address, knownHash);
    },
    publish: async (address, record) => (isRegistrationId(address) ? undefined : real.publish(address, record)),
  };
}

/** Each adds the card of each other. */
export async function exchangeCards(...people: readonly Messenger[]): Promise<void> {
  for (const one of people) {
    for (const other of people) {
      if (one !== other) await one.contacts.add((await other.contactCard()).link);
    }
  }
}
