import { inTurn } from '../../adapters/directory/in-turn.js';
import { decodeCbor, encodeCbor } from '../../bytes/cbor.js';
import { isBytesOf, isCounter, isMap, present, readFields, toMap } from '../../bytes/fields.js';
import type { Store } from '../../ports/store.js';
import { MAX_DEVICES } from '../../protocol/identity/record.js';
import {
  HAND_IN_NONCE_BYTES,
  isForgettable,
  judgeUpdate,
  type KnownDevice,
  readSubscription,
  type Subscription,
  subscriptionMap,
  type UpdateVerdict,
} from '../../protocol/relay/index.js';

/** A device that can be woken. */
export interface Wakeable {
  readonly device: string;
  readonly subscription: Subscription;
}

/** What an update says, of which device. */
export interface DeviceUpdate {
  readonly address: string;
  readonly device: string;
  readonly number: number;
  readonly nonce: Uint8Array;
  /** Seconds. */
  readonly issuedAt: number;
  readonly subscription?: Subscription;
}

/** The push subscriptions of devices, and the number of the last update of each. */
export interface Subscriptions {
  /** Takes an update; durable when it resolves with `take` or `repeat`. `full`: there is no room. */
  update(update: DeviceUpdate): Promise<UpdateVerdict | 'full'>;
  /** The devices of an address that can be woken; what has expired is left out, and forgotten. */
  of(address: string): Promise<readonly Wakeable[]>;
  /** Forgets a subscription, unless another has taken its place. */
  remove(address: string, gone: Wakeable): Promise<void>;
  /** Forgets what nobody needs any more. */
  sweep(): Promise<void>;
}

/**
 * The subscriptions under `push/` of `store`.
 *
 * @param limit - devices in all
 * @param now - seconds
 */
export async function openSubscriptions(store: Store, limit: number, now: () => number): Promise<Subscriptions> {
  const next = inTurn();
  let count = 0;
  for await (const _ of store.iterator(ALL)) count++;

  const put = (key: string, known: KnownDevice) =>
    store.batch([{ type: 'put', key, value: encodeKnown(known) }], { sync: true });
  const forget = async (key: string) => {
    await store.batch([{ type: 'del', key }]);
    count--;
  };
  const all = async (address: string) => {
    const found: { readonly key: string; readonly known: KnownDevice }[] = [];
    for await (const [key, value] of store.iterator(rangeOf(address))) found.push({ key, known: decodeKnown(value) });
    return found;
  };
  /** The number stays for a while: or the update that brought the subscription could be played again. */
  const takeBack = (key: string, { subscription: _, ...rest }: KnownDevice) => put(key, { ...rest, takenAt: now() });

  return {
    update: ({ address, device, ...update }) =>
      next(address, async () => {
        const key = keyOf(address, device);
        const stored = await store.get(key);
        const verdict = judgeUpdate(stored && decodeKnown(stored), update, now());
        if (verdict !== 'take') return verdict;
        if (!stored && (count >= limit || (await all(address)).length >= MAX_DEVICES)) return 'full';
        const { number, nonce, subscription } = update;
        await put(key, present({ number, nonce, takenAt: now(), subscription }));
        if (!stored) count++;
        return verdict;
      }),
    of: (address) =>
      next(address, async () => {
        const wakeable: Wakeable[] = [];
        for (const { key, known } of await all(address)) {
          const { subscription } = known;
          if (!subscription) continue;
          const hasExpired = subscription.expiresAt !== undefined && subscription.expiresAt <= now();
          if (hasExpired) await takeBack(key, known);
          else wakeable.push({ device: deviceOf(key), subscription });
        }
        return wakeable;
      }),
    remove: (address, { device, subscription }) =>
      next(address, async () => {
        const key = keyOf(address, device);
        const stored = await store.get(key);
        const known = stored && decodeKnown(stored);
        if (known?.subscription?.endpoint === subscription.endpoint) await takeBack(key, known);
      }),
    async sweep() {
      for await (const [key, value] of store.iterator(ALL)) {
        if (!isForgettable(decodeKnown(value), now())) continue;
        await next(addressOf(key), async () => {
          const stored = await store.get(key);
          if (stored && isForgettable(decodeKnown(stored), now())) await forget(key);
        });
      }
    },
  };
}

const ALL = { gte: 'push/', lt: 'push0' };

/** Neither addresses nor device ids have a `/`, after which comes `0`. */
function keyOf(address: string, device: string): string {
  return `push/${address}/${device}`;
}

function rangeOf(address: string) {
  return { gte: `push/${address}/`, lt: `push/${address}0` };
}

function addressOf(key: string): string {
  return key.split('/')[1] ?? '';
}

function deviceOf(key: string): string {
  return key.split('/')[2] ?? '';
}

function encodeKnown({ subscription, ...known }: KnownDevice): Uint8Array {
  return encodeCbor(toMap({ ...known, subscription: subscription && subscriptionMap(subscription) }));
}

/** @throws `STATE_CORRUPT` */
function decodeKnown(bytes: Uint8Array): KnownDevice {
  const fields = readFields(decodeCbor(bytes), 'STATE_CORRUPT', 'push subscription');
  return present({
    number: fields.required('number', isCounter),
    nonce: fields.required('nonce', isBytesOf(HAND_IN_NONCE_BYTES)),
    takenAt: fields.required('takenAt', isCounter),
    subscription: readSubscription(fields.optional('subscription', isMap)),
  });
}
