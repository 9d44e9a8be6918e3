import { SealMQError } from '../../errors.js';
import type { Store } from '../../ports/store.js';
import type { KeyRecord } from '../../protocol/identity/record.js';
import type { InfoOk } from '../../protocol/registration/info-ok.js';
import type { Registered } from '../registered.js';
import type { RegistrationKeys } from './keys.js';
import type { Owners } from './owners.js';
import type { Pending } from './pending.js';
import type { RegisteredIds } from './registered-ids.js';

/** Where it is written down who is registered. */
export interface Book {
  /** Writes a registration down; durable when it resolves. @throws `DIRECTORY_CONFLICT`, `DIRECTORY_REFUSED` */
  enter(registration: Pending): Promise<void>;
  /** The identity that holds the address of a genuine Info OK now, if it still does; it is renewed thereby. */
  renew(presented: InfoOk): Promise<Uint8Array | undefined>;
  readonly has: Registered;
  /** Whether another registration has taken the place of this one. */
  isReplaced(address: string): Promise<boolean>;
  close(): Promise<void>;
}

/** The published records, as far as they are needed here. */
export interface NamedRecords {
  get(address: string): Promise<KeyRecord | undefined>;
  /** Publishes a record whose owner has answered a challenge that was begun at `startedAt` (seconds). */
  publish(address: string, record: Uint8Array, startedAt: number): Promise<unknown>;
}

/** What both kinds of book need. */
interface Parts {
  readonly store: Store;
  readonly owners: Owners;
  readonly keys: RegistrationKeys;
  /** Seconds. */
  readonly now: () => number;
}

/** User names: the records themselves say who is registered. */
export function namedBook({ store, owners, keys, now }: Parts, records: NamedRecords): Book {
  return {
    async enter({ address, record, owner, startedAt }) {
      if (!record) throw new SealMQError('STATE_CORRUPT', 'a registration has lost its record');
      const changes = await owners.claim(owner, await keys.ofAddress(address), now());
      await records.publish(address, record, startedAt);
      if (changes.length > 0) await store.batch(changes, { sync: true });
    },
    async renew({ address }) {
      return (await records.get(address))?.identity;
    },
    has: async (address) => (await records.get(address)) !== undefined,
    isReplaced: async () => false,
    close: async () => {},
  };
}

/** Registration ids: a Bloom filter says whether one is registered, and nothing says which ones are. */
export function anonymousBook({ owners, keys, now }: Parts, ids: RegisteredIds): Book {
  async function isReplaced(address: string): Promise<boolean> {
    return owners.isReplaced(await keys.ofAddress(address));
  }
  return {
    async enter({ address, owner }) {
      const changes = await owners.claim(owner, await keys.ofAddress(address), now());
      await ids.add(await keys.ofFilter(address), changes);
    },
    async renew({ address, identity, expiresAt }) {
      if (await isReplaced(address)) return undefined;
      const digest = await keys.ofFilter(address);
      // One that has not expired stands for the id even where the filter has lost it.
      if (!ids.has(digest) && expiresAt <= now()) return undefined;
      await ids.add(digest, []);
      return identity;
    },
    isReplaced,
    has: async (address) => ids.has(await keys.ofFilter(address)) && !(await isReplaced(address)),
    close: () => ids.close(),
  };
}
