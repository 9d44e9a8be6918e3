import { decodeCbor, encodeCbor } from '../bytes/cbor.js';
import { isCounter, present } from '../bytes/fields.js';
import { asSealMQError, SealMQError } from '../errors.js';
import type { Will } from '../ports/transport.js';
import { assertAddress } from '../protocol/address.js';
import { MESSAGE_ID_BYTES } from '../protocol/envelope/claims.js';
import { seal } from '../protocol/envelope/seal.js';
import { topicOf } from '../protocol/envelope/topics.js';
import { nextVersion } from '../protocol/envelope/version.js';
import { activeDevices } from '../protocol/identity/account.js';
import { assertOptions, lifetime, text } from './arguments.js';
import { type Context, seconds } from './context.js';
import { tellEveryDevice } from './control.js';
import { encodePayload, type Payload } from './message.js';
import { receiverRecord } from './send.js';

/** What the broker is to send in our name when a connection of ours ends without a farewell. */
export interface WillOptions {
  readonly to: string;
  /** At most 16 KiB. */
  readonly payload: Payload;
  /** Media type; default by the payload. */
  readonly contentType?: string;
  /** The application's own name for what it belongs to; signed. 1 to 256 characters. */
  readonly channel?: string;
  /** Seconds from the beginning of the connection after which nobody is to read it any more. */
  readonly expiresIn?: number;
}

const MAX_WILL_PAYLOAD = 1 << 14;

/** CONNECT has two bytes for the length of a will (MQTT 3.1.1 §3.1.3.3, MQTT 5 §3.1.3.4). */
const MAX_WILL_BYTES = 0xffff;

const VERSION_KEY = 'will-version';

/** The wills of a messenger's connections. */
export interface OwnWill {
  /** The will of the next connection; a `warning` and none when it cannot be sealed: mail is not to wait for it. */
  seal(): Promise<Will | undefined>;
  /** The connection came or went. Wills of earlier ones are withdrawn, since a broker may have kept them. */
  connected(up: boolean): void;
  /** Withdraws the will of this connection, within `patience` milliseconds: the farewell follows. */
  close(patience: number): Promise<void>;
}

/**
 * Seals a will for each connection when it is asked for, to the devices that the receiver has then, under a version of its own
 * that is durable before the will leaves.
 *
 * @throws `USAGE_INVALID_ADDRESS`, `USAGE_INVALID_ARGUMENT`, `USAGE_PAYLOAD_TOO_LARGE`
 */
export function createWill(context: Context, options: WillOptions): OwnWill {
  assertOptions(options, { contentType: text, channel: text, expiresIn: lifetime }, 'will');
  const { to, payload, channel, expiresIn } = options;
  assertAddress(to);
  const { bytes, contentType } = encodePayload(payload);
  if (bytes.length > MAX_WILL_PAYLOAD) {
    throw new SealMQError('USAGE_PAYLOAD_TOO_LARGE', `a will has at most ${MAX_WILL_PAYLOAD} bytes`);
  }

  /** The version of the last will that was sealed, and of the last of a connection that is over: at first, of an earlier process. */
  let last = 0;
  let over: number | undefined;
  let up = false;

  const sealWill = async (): Promise<Will> => {
    const { account, provider, padding, topicPrefix } = context;
    const record = await receiverRecord(context, to);
    if (expiresIn !== undefined) await context.settled();
    const { before, version } = await reserveVersion(context);
    over ??= before;
    last = version;
    const issuedAt = seconds(context);
    const expiresAt = expiresIn === undefined ? undefined : issuedAt + Math.ceil(expiresIn);
    const draft = present({
      ...{ from: account.address, audience: to, issuedAt, expiresAt, version, channel, payload: bytes, padding },
      ...{ family: 'will' as const, id: provider.randomBytes(MESSAGE_ID_BYTES) },
      ...{ contentType: options.contentType ?? contentType },
    });
    const recipients = activeDevices(record, issuedAt).map(({ sealKey }) => sealKey);
    const sealed = await seal(provider, draft, { signKey: account.device.signKey, recipients });
    if (sealed.length > MAX_WILL_BYTES) {
      throw new SealMQError('USAGE_PAYLOAD_TOO_LARGE', `a sealed will has at most ${MAX_WILL_BYTES} bytes`);
    }
    return present({
      topic: topicOf(topicPrefix, to, 'will'),
      payload: sealed,
      expiresIn: expiresIn && Math.ceil(expiresIn),
    });
  };

  const warn = (what: string) => (cause: unknown) => {
    context.events.emit('warning', asSealMQError(cause, 'STATE_UNAVAILABLE', what));
    return undefined;
  };
  const withdraw = async (version: number) => {
    // Before we are registered nobody has taken a will of ours, or could take our word.
    if (up && version > 0 && context.account.registered)
      await tellEveryDevice(context, to, present({ kind: 'withdraw' as const, channel, version }));
  };

  return {
    seal: () => sealWill().catch(warn('connecting without a will')),
    connected(state) {
      up = state;
      if (!up) return;
      withdraw(over ?? 0).catch(warn('old wills are not withdrawn'));
      over = last;
    },
    async close(patience) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, patience);
      });
      await Promise.race([withdraw(last).catch(warn('the will is not withdrawn')), late]);
      clearTimeout(timer);
    },
  };
}

/** Greater than all before, and durable when it resolves: a version is never given to two wills. */
async function reserveVersion(context: Context): Promise<{ before: number; version: number }> {
  const stored = await context.store.get(VERSION_KEY);
  const before = stored ? decodeCbor(stored) : 0;
  if (!isCounter(before)) throw new SealMQError('STATE_CORRUPT', "the will's version is not a number");
  const version = nextVersion(before, context.now());
  await context.tryCommit([{ type: 'put', key: VERSION_KEY, value: encodeCbor(version) }]);
  return { before, version };
}
