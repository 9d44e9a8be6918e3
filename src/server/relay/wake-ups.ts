import { SealMQError } from '../../errors.js';
import type { Store } from '../../ports/store.js';
import type { PushOptions, WakeLimits } from './options.js';
import { assertHosts, PUSH_SERVICES } from './push/endpoint.js';
import { systemResolve } from './push/post.js';
import { createPusher } from './push/pusher.js';
import { assertContact, type VapidKeys } from './push/vapid.js';
import type { RecordLookup } from './records.js';
import { openSubscriptions } from './subscriptions.js';
import { createUpdates, type UpdateParts } from './updates.js';
import { createWakes, type Wakes } from './wakes.js';

/** What a relay needs to wake people. */
export interface WakeUpParts extends Omit<UpdateParts, 'subscriptions' | 'wakes' | 'hosts'> {
  readonly vapid: VapidKeys | undefined;
  readonly store: Store;
  readonly records: RecordLookup;
  readonly push: PushOptions;
}

/** Waking, put together. */
export interface WakeUps {
  readonly wakes: Wakes;
  /** Takes an update. Never rejects. */
  update(bytes: Uint8Array): Promise<void>;
  /** Stops, once what is at work with an update is done. */
  close(): Promise<void>;
}

/** How long a device has to say that it hears, and the first pause before a push service is tried again, in milliseconds. */
const AFTER = 3000;
const AGAIN_AFTER = 1000;

const LIMITS: WakeLimits = {
  perCaller: { burst: 5, perSecond: 0.1 },
  perCallee: { burst: 10, perSecond: 0.2 },
};
const MAX_SUBSCRIPTIONS = 100_000;

/** How often what has expired is swept out, in milliseconds. */
const SWEEP = 3600 * 1000;

/** @throws `USAGE_INVALID_ARGUMENT`, `STATE_*` */
export async function createWakeUps({ vapid, store, records, push, ...parts }: WakeUpParts): Promise<WakeUps> {
  const { report, now } = parts;
  if (!vapid) throw new SealMQError('STATE_CORRUPT', 'a relay that wakes has a key for push services');
  const contact = assertContact(push.contact);
  const hosts = assertHosts(push.hosts ?? PUSH_SERVICES);
  const limit = push.maxSubscriptions ?? MAX_SUBSCRIPTIONS;
  const subscriptions = await openSubscriptions(store, limit, () => Math.floor(now() / 1000));
  const pusher = createPusher({
    ...{ vapid, contact, hosts, now, ca: push.ca, againAfter: push.againAfter ?? AGAIN_AFTER },
    ...{ resolve: push.resolve ?? systemResolve, privateNetworks: push.privateNetworks ?? false },
  });
  const limits = { ...LIMITS, ...push.limits };
  const after = push.after ?? AFTER;
  const wakes = createWakes({ subscriptions, pusher, records, limits, after, report, now });
  const work = createUpdates({ ...parts, subscriptions, wakes, hosts });
  const working = new Set<Promise<void>>();

  const sweep = () => subscriptions.sweep().catch((error) => report({ type: 'failed', error }));
  await sweep();
  const sweeping = setInterval(sweep, SWEEP);
  sweeping.unref();
  return {
    wakes,
    update(bytes) {
      const done = work(bytes).finally(() => working.delete(done));
      working.add(done);
      return done;
    },
    async close() {
      clearInterval(sweeping);
      wakes.close();
      pusher.close();
      await Promise.all(working);
    },
  };
}
