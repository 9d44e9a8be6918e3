import { toBase64url } from '../bytes/base64url.js';
import { utf8 } from '../bytes/bytes.js';
import { isText, present } from '../bytes/fields.js';
import { run } from '../crypto/steps.js';
import { SealMQError } from '../errors.js';
import { MAX_CHANNEL_LENGTH, MESSAGE_ID_BYTES, TAG_KEY_BYTES } from '../protocol/envelope/claims.js';
import { seal } from '../protocol/envelope/seal.js';
import { stateTag, tagKeyFor } from '../protocol/envelope/state-tag.js';
import { topicOf } from '../protocol/envelope/topics.js';
import { nextVersion } from '../protocol/envelope/version.js';
import { activeDevices } from '../protocol/identity/account.js';
import type { KeyRecord } from '../protocol/identity/record.js';
import { assertOptions, lifetime, type Rules, text } from './arguments.js';
import { type Context, seconds } from './context.js';
import { type OwnStateEntry, ownStateCodec } from './entries.js';
import { encodePayload, type Payload } from './message.js';
import { receiverRecord } from './send.js';
import { createStatePublisher, type StatePublisher } from './state-publisher.js';

/** How a state is set. */
export interface SetStateOptions {
  /** Whose devices may read it. */
  readonly to: string;
  /** Media type; default by the payload. */
  readonly contentType?: string;
  /** Seconds after which it holds no longer. */
  readonly expiresIn?: number;
}

const SET_RULES: Rules<SetStateOptions> = { contentType: text, expiresIn: lifetime };

/** A state that is in the store: the broker will have it, whatever happens to the network or this process. */
export interface StateSet {
  /** Resolves when the broker has it, or a newer one of the channel; rejects when it refused it, when it expired, or on `close()`. */
  readonly published: Promise<void>;
}

/** The states that this device has set: one value for each receiver and channel, sealed anew whenever that is called for. */
export interface OwnStates extends Pick<StatePublisher, 'connected' | 'close'> {
  /**
   * Sets the state of a channel, or clears it where there is no payload; durable when it resolves.
   *
   * @throws as {@link receiverRecord}; `USAGE_INVALID_ARGUMENT`, `USAGE_PAYLOAD_TOO_LARGE`, `STATE_FULL`, `STATE_UNAVAILABLE`
   */
  set(channel: string, payload: Payload | undefined, options: SetStateOptions): Promise<StateSet>;
}

/** Receivers and channels that a device may have states for; a cleared one counts, since its version is remembered. */
const MAX_STATES = 1000;

const SECRET_KEY = 'state-secret';

const isChannel = isText(MAX_CHANNEL_LENGTH);

/** Opens what lies under `own-state/` of the store. */
export async function openOwnStates(context: Context): Promise<OwnStates> {
  const { store, account, provider } = context;
  const versions = new Map<string, number>();
  const secret = await openSecret(context);

  /** Sealed for the devices that the receiver has now; version and id stay, so that who has it takes it for a duplicate. */
  const sealFor = async (record: KeyRecord, entry: OwnStateEntry): Promise<{ topic: string; sealed: Uint8Array }> => {
    const { to, channel, version, id, issuedAt, expiresAt, contentType, payload = new Uint8Array() } = entry;
    const tagKey = await run(tagKeyFor(provider, secret, to));
    const tag = await run(stateTag(provider, tagKey, account.device.id, channel));
    const draft = present({
      ...{ from: account.address, audience: to, family: 'state' as const, channel, version, id, tagKey },
      ...{ issuedAt, expiresAt, contentType, payload },
      ...{ padding: context.padding, maxPayloadBytes: context.maxPayloadBytes },
    });
    const recipients = activeDevices(record, seconds(context)).map(({ sealKey }) => sealKey);
    const sealed = await seal(provider, draft, { signKey: account.device.signKey, recipients });
    return { topic: `${topicOf(context.topicPrefix, to, 'state')}/${tag}`, sealed };
  };

  const publisher = createStatePublisher(context, {
    async load(key) {
      const value = await store.get(key);
      return value && ownStateCodec.decode(value);
    },
    sealFor,
    async published(key, entry, recordVersion) {
      if (versions.get(key) !== entry.version) return;
      const value = ownStateCodec.encode({ ...entry, published: recordVersion });
      await context.commit([{ type: 'put', key, value }]);
    },
  });
  for await (const [key, value] of store.iterator({ gte: 'own-state/', lt: 'own-state0' })) {
    const entry = ownStateCodec.decode(value);
    versions.set(key, entry.version);
    publisher.add(key, entry);
  }

  return {
    ...publisher,
    async set(channel, payload, options) {
      assertOptions(options, SET_RULES, 'options');
      const { to, contentType, expiresIn } = options;
      const value = payload === undefined ? undefined : encodePayload(payload);
      assertState(context, channel, value?.bytes);
      await account.assertRegistered(context.keys);
      const { identity } = await receiverRecord(context, to);
      // A time to live that is counted from a wrong moment could be over before it begins.
      if (expiresIn !== undefined) await context.settled();
      const key = `own-state/${to}/${toBase64url(utf8(channel))}`;
      if (!versions.has(key) && versions.size >= MAX_STATES) {
        throw new SealMQError('STATE_FULL', `a device sets at most ${MAX_STATES} states`);
      }
      const version = nextVersion(versions.get(key) ?? 0, context.now());
      versions.set(key, version);
      const issuedAt = seconds(context);
      const entry: OwnStateEntry = present({
        ...{ to, channel, version, id: provider.randomBytes(MESSAGE_ID_BYTES), identity: identity.slice(), issuedAt },
        expiresAt: expiresIn === undefined ? undefined : issuedAt + Math.ceil(expiresIn),
        ...{ payload: value?.bytes, contentType: value && (contentType ?? value.contentType) },
      });
      // The version is taken for good before the state leaves.
      await context.tryCommit([{ type: 'put', key, value: ownStateCodec.encode(entry) }]);
      return { published: publisher.publish(key, entry) };
    },
  };
}

function assertState({ maxPayloadBytes }: Context, channel: string, payload: Uint8Array = new Uint8Array()): void {
  if (!isChannel(channel)) throw new SealMQError('USAGE_INVALID_ARGUMENT', 'a channel has 1 to 256 characters');
  if (payload.length <= maxPayloadBytes) return;
  throw new SealMQError('USAGE_PAYLOAD_TOO_LARGE', `payload of ${payload.length} bytes; at most ${maxPayloadBytes}`);
}

/** What the tags of this device's states are made of: drawn once for a store. */
async function openSecret({ store, provider, tryCommit }: Context): Promise<Uint8Array> {
  const stored = await store.get(SECRET_KEY);
  if (stored?.length === TAG_KEY_BYTES) return stored;
  if (stored) throw new SealMQError('STATE_CORRUPT', 'the secret of the state tags has another length');
  const secret = provider.randomBytes(TAG_KEY_BYTES).slice();
  await tryCommit([{ type: 'put', key: SECRET_KEY, value: secret }]);
  return secret;
}
