import { fromBase64url, toBase64url } from '../../bytes/base64url.js';
import { decodeCbor, encodeCbor } from '../../bytes/cbor.js';
import { isBytesOf, isCounter, isFlag, present, readFields, toMap } from '../../bytes/fields.js';
import { SealMQError } from '../../errors.js';
import {
  AUTH_BYTES,
  isPoint,
  MAX_ENDPOINT_LENGTH,
  type Subscription,
  updateTopic,
} from '../../protocol/relay/index.js';
import type { Context } from '../context.js';
import { makeUpdate, relayRecord } from './make-hand-in.js';
import type { Questions } from './questions.js';

/** A push subscription as browsers have it: what `pushManager.subscribe` answers, or its `toJSON()`. */
export interface PushSubscriptionLike {
  readonly endpoint?: string;
  /** Milliseconds since 1970; `null` or nothing for one without end. */
  readonly expirationTime?: number | null;
  /** Both base64url. */
  readonly keys?: Readonly<Record<string, string>>;
  toJSON?(): PushSubscriptionLike;
}

/** Where the relay is told how this device is woken. */
export interface PushDesk {
  /** The relay's key for `pushManager.subscribe({ applicationServerKey })`, base64url. @throws `TRANSPORT_REFUSED`, `DIRECTORY_` codes */
  key(): Promise<string>;
  /** Resolves when the relay has it. @throws as `Messenger.updatePush` */
  update(subscription: PushSubscriptionLike | null): Promise<void>;
  /** This device has heard the dial in `sealed`. Nobody is told by a device that the relay does not push to. */
  heard(sealed: Uint8Array): void;
}

/** How long an update waits for its answer, in milliseconds: a relay may know a new device or key a minute late. */
const PATIENCE = 90_000;

const STORED = 'relay/update';

/** The last update of this device, and whether the relay may have a subscription of it. */
interface Told {
  readonly number: number;
  readonly subscribed: boolean;
}

/** What this device has told lies under `relay/update` of the store. */
export function createPushDesk(context: Context, questions: Questions): PushDesk {
  const { provider, transport, store, topicPrefix } = context;
  const topic = updateTopic(topicPrefix);
  let told: Promise<Told> | undefined;
  let last: Promise<unknown> = Promise.resolve();

  const before = (): Promise<Told> => {
    told ??= store.get(STORED).then(
      (bytes) => (bytes ? decodeTold(bytes) : { number: 0, subscribed: false }),
      (error) => {
        told = undefined;
        throw error;
      },
    );
    return told;
  };
  const keep = async (next: Told) => {
    await context.tryCommit([{ type: 'put', key: STORED, value: encodeCbor(toMap({ ...next })) }]);
    told = Promise.resolve(next);
  };
  const pushKey = async () => {
    const { pushKey: key } = await relayRecord(context);
    if (key) return key;
    throw new SealMQError('TRANSPORT_REFUSED', 'the relay wakes nobody');
  };

  const tell = async (subscription: Subscription | undefined): Promise<void> => {
    await pushKey();
    const { number: previous, subscribed } = await before();
    // By the time as well: a store that was set back goes on above what it has given out since.
    const number = Math.max(previous + 1, Math.floor(context.now()));
    await keep({ number, subscribed: subscribed || subscription !== undefined });
    const content = present({ type: 'push' as const, number, subscription });
    const { refusal } = await questions.ask({ topic, make: () => makeUpdate(context, content), life: PATIENCE });
    if (refusal) throw new SealMQError('TRANSPORT_REFUSED', `the relay does not take the subscription: ${refusal}`);
    if (!subscription) await keep({ number, subscribed: false });
  };

  const sayHeard = async (sealed: Uint8Array): Promise<void> => {
    if (!(await before()).subscribed) return;
    const { bytes } = await makeUpdate(context, { type: 'heard', message: await provider.sha256(sealed) });
    await transport.publish(topic, bytes, { qos: 1 });
  };

  return {
    key: async () => toBase64url(await pushKey()),
    update(given) {
      const subscription = given === null ? undefined : readSubscription(given);
      const turn = last.then(() => tell(subscription));
      last = turn.catch(() => {});
      return turn;
    },
    // Whoever cannot say so is woken once too often.
    heard: (sealed) => void sayHeard(sealed).catch(() => {}),
  };
}

/** @throws `USAGE_INVALID_ARGUMENT` */
function readSubscription(given: PushSubscriptionLike): Subscription {
  const { endpoint, expirationTime, keys } = given.toJSON?.() ?? given;
  const [p256dh, auth] = [bytesOf(keys?.p256dh), bytesOf(keys?.auth)];
  const isEndpoint = typeof endpoint === 'string' && endpoint.length <= MAX_ENDPOINT_LENGTH;
  if (!isEndpoint || !endpoint.startsWith('https://') || !isPoint(p256dh) || !isBytesOf(AUTH_BYTES)(auth)) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', 'not a push subscription with an https endpoint and both keys');
  }
  const expiresAt = typeof expirationTime === 'number' ? Math.floor(expirationTime / 1000) : undefined;
  return present({ endpoint, p256dh, auth, expiresAt });
}

/** Push subscriptions are base64url; some platforms pad. */
function bytesOf(text: string | undefined): Uint8Array | undefined {
  try {
    return text === undefined ? undefined : fromBase64url(text.replace(/=+$/, ''));
  } catch {
    return undefined;
  }
}

/** @throws `STATE_CORRUPT` */
function decodeTold(bytes: Uint8Array): Told {
  const fields = readFields(decodeCbor(bytes), 'STATE_CORRUPT', 'last update');
  return { number: fields.required('number', isCounter), subscribed: fields.required('subscribed', isFlag) };
}
