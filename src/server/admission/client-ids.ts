import { inTurn } from '../../adapters/directory/in-turn.js';
import { toBase64url } from '../../bytes/base64url.js';
import { equal } from '../../bytes/bytes.js';
import { decodeCbor, encodeCbor } from '../../bytes/cbor.js';
import { isBytesOf, isCounter, readFields, toMap } from '../../bytes/fields.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { SealMQError } from '../../errors.js';
import type { Store } from '../../ports/store.js';
import type { TokenRate } from '../../protocol/token-bucket.js';
import { rateLimit } from '../key-provider/rate-limit.js';

/** Who may use an MQTT client id: whoever it was first granted to. A broker gives the session, and its queue, to whoever names the id. */
export interface ClientIds {
  /**
   * Grants `clientId` to a device of `address`.
   *
   * @throws `DIRECTORY_CONFLICT` when it is another device's, `DIRECTORY_RATE_LIMITED` for too many new ones
   */
  grant(clientId: string, address: string, device: string): Promise<void>;
}

/** An id that nobody has asked a token for in so many seconds is free again: brokers have forgotten its session (90 days). */
const LAPSE = 90 * 24 * 3600;

const DAY = 24 * 3600;

/** New client ids of one address: each takes a place in the store. */
const NEW_IDS: TokenRate = { burst: 20, perSecond: 1 / 600 };

/** Addresses whose rate of new ids is kept in mind. */
const MAX_ADDRESSES = 50_000;

/**
 * The grants under `admission/client/` of `store`. Only hashes that the client id goes into lie there: the store tells neither
 * client ids, nor which addresses there are.
 *
 * @param now - seconds
 */
export async function openClientIds(store: Store, provider: CryptoProvider, now: () => number): Promise<ClientIds> {
  const next = inTurn();
  const newIds = rateLimit(NEW_IDS, MAX_ADDRESSES, () => now() * 1000);
  await dropLapsed(store, now());

  async function claim(key: string, owner: Uint8Array, address: string): Promise<void> {
    const known = await read(store, key);
    const holds = known !== undefined && known.usedAt + LAPSE > now();
    if (holds && !equal(known.owner, owner)) {
      throw new SealMQError('DIRECTORY_CONFLICT', 'this MQTT client id belongs to another device');
    }
    if (holds && now() - known.usedAt < DAY) return;
    if (!holds && newIds(address) > 0) {
      throw new SealMQError('DIRECTORY_RATE_LIMITED', `too many new client ids of ${address}`);
    }
    await store.batch([{ type: 'put', key, value: encodeCbor(toMap({ owner, usedAt: now() })) }], { sync: true });
  }

  return {
    async grant(clientId, address, device) {
      const hash = async (...parts: string[]) => provider.sha256(encodeCbor(['sealmq/1 client id', ...parts]));
      const key = `admission/client/${toBase64url(await hash(clientId))}`;
      const owner = await hash(clientId, address, device);
      await next(key, () => claim(key, owner, address));
    },
  };
}

interface Owned {
  readonly owner: Uint8Array;
  readonly usedAt: number;
}

async function read(store: Store, key: string): Promise<Owned | undefined> {
  const stored = await store.get(key);
  return stored && decode(stored);
}

function decode(stored: Uint8Array): Owned {
  const fields = readFields(decodeCbor(stored), 'STATE_CORRUPT', 'client id');
  return { owner: fields.required('owner', isBytesOf(32)), usedAt: fields.required('usedAt', isCounter) };
}

async function dropLapsed(store: Store, now: number): Promise<void> {
  for await (const [key, value] of store.iterator({ gte: 'admission/client/', lt: 'admission/client0' })) {
    if (decode(value).usedAt + LAPSE <= now) await store.batch([{ type: 'del', key }]);
  }
}
