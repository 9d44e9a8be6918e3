import type { MqttTransportOptions } from '../adapters/mqtt/mqtt-transport.js';
import type { CryptoProvider } from '../crypto/provider.js';
import { type SuiteName, suites } from '../crypto/suites.js';
import type { Clock } from '../ports/clock.js';
import type { KeyDirectory } from '../ports/key-directory.js';
import type { Transport } from '../ports/transport.js';
import { assertAddress } from '../protocol/address.js';
import { MAX_PAYLOAD_BYTES, MAX_SEALED_BYTES } from '../protocol/envelope/profile.js';
import { DEFAULT_PADDING } from '../protocol/envelope/seal.js';
import { assertTopicPrefix, DEFAULT_TOPIC_PREFIX } from '../protocol/envelope/topics.js';
import {
  anObject,
  assertArgument,
  assertOptions,
  duration,
  either,
  flag,
  given,
  limit,
  listOf,
  oneOf,
  type Rules,
  text,
} from './arguments.js';
import { CALL_RULES, type CallOptions } from './call/settings.js';
import type { ContactPolicy } from './contact-list.js';
import type { QueueLimits } from './durable-queue.js';
import type { KeyCacheOptions } from './key-cache.js';
import type { QuarantinePatience } from './opener.js';
import type { ReceiptTiming } from './receipts.js';
import type { StateOptions } from './state.js';
import type { WillOptions } from './will.js';

/** How a messenger is opened. */
export interface MessengerOptions
  extends StateOptions,
    ContactPolicy,
    Pick<
      MqttTransportOptions,
      'username' | 'password' | 'credentials' | 'tls' | 'connectTimeout' | 'keepalive' | 'sessionExpiry'
    > {
  /**
   * `mqtt://`, `mqtts://`, `ws://` or `wss://` address, several of them, an `MqttClient` of the package `mqtt` that is not
   * connected yet (`manualConnect: true`) and that the application goes on using, or a transport of your own.
   */
  readonly broker: MqttTransportOptions['broker'] | Transport;
  /** Address of a key directory (`https://…`), or a directory of your own. */
  readonly directory: string | KeyDirectory;
  /** Thumbprint (unpadded base64url) of the directory's key; where absent the first one seen is pinned. */
  readonly directoryKey?: string;
  /** An identity exported elsewhere, for a store that holds no account yet: this becomes another device of it. */
  readonly identity?: { readonly file: Uint8Array; readonly passphrase: string };
  /** For a new account; default X25519-Ed25519. */
  readonly suite?: SuiteName;
  /** For a new account: shown to the other devices of the account. */
  readonly deviceName?: string;
  /** `wait` (default): `open` resolves when the broker is reached. `background`: at once; what is sent waits in the outbox. */
  readonly connect?: 'wait' | 'background';
  /** `process` (default): what is acknowledged survives a kill of the process. `fsync`: also a loss of power, at a price. */
  readonly durable?: 'process' | 'fsync';
  /**
   * `soon` (default): the next message is handed over while it is being written that those before were handled; after a crash what
   * one write takes comes again, 64 messages at most. `each`: not before that is in the store; after a crash one message at most comes again.
   */
  readonly settle?: 'soon' | 'each';
  /** First levels of all topics; default `nes`. */
  readonly topicPrefix?: string;
  /** Least padded length of the signed part in bytes, or `false` for no padding; default 256. */
  readonly padding?: number | false;
  /** Largest payload in bytes; default 1 MiB. */
  readonly maxPayloadBytes?: number;
  /** Largest sealed message in bytes; default 1.5 MiB. */
  readonly maxSealedBytes?: number;
  /**
   * Whether to keep what is sent until it is receipted (default): then a broker that loses its queue loses nothing for good.
   * Off, a sent message is forgotten when the broker has it. `send(…, { receipt })` says otherwise for one message.
   */
  readonly awaitReceipts?: boolean;
  /**
   * How messages go, and receipts and requests for what is missing: `direct` (default) to the receiver's topic, or handed in at the
   * `relay`, so that the broker is not told who writes to whom. `send(…, { via })` says otherwise for one message.
   */
  readonly via?: 'direct' | 'relay';
  /**
   * What the broker sends in our name when a connection of ours ends without a farewell: sealed at each connect, to the devices
   * that the receiver has then. The receiver gets it among its messages, with `family: 'will'`. Not with an `MqttClient` or a
   * transport of your own that has its own will.
   */
  readonly will?: WillOptions;
  /**
   * Whether our other devices get a copy of everything that this one sends (default), as a message whose `copy` is true and
   * whose `to` says to whom it was.
   */
  readonly copies?: boolean;
  /** How calls are made and taken: the WebRTC stack, STUN and TURN servers, how many at once. */
  readonly calls?: CallOptions;
  readonly limits?: { readonly [Queue in keyof MessengerLimits]?: Partial<QueueLimits> };
  readonly timing?: Partial<Timing>;
  readonly quarantine?: Partial<QuarantinePatience>;
  readonly keyCache?: Pick<KeyCacheOptions, 'max' | 'maxStale' | 'negativeLife' | 'cooldown' | 'staleWhileRevalidate'>;
  /** The crypto backend; chosen by a self-test where absent. */
  readonly provider?: CryptoProvider;
  readonly clock?: Clock;
}

/** How a new device is opened that is to be linked: `suite` and `deviceName` are those of its entry. */
export interface LinkDeviceOptions extends Omit<MessengerOptions, 'identity'> {
  /** A contact card of the account (`sealmq:card/…`), for an anonymous address, which no directory has. */
  readonly card?: string;
}

/** When control messages go out, in milliseconds. */
export interface Timing extends ReceiptTiming {
  /** First pause before a peer's newest message without receipt is published again; doubles up to an hour. */
  readonly republishAfter: number;
  /** First pause before a message handler that threw gets the message again; doubles up to 256 times as much. */
  readonly handleAgainAfter: number;
  /** First pause before a hand-in that the relay has not answered goes out again; doubles up to a minute. */
  readonly handInAgainAfter: number;
}

/** How much each durable queue may hold. */
export interface MessengerLimits {
  readonly inbox: QueueLimits;
  readonly outbox: QueueLimits;
  readonly quarantine: QueueLimits;
  /** Wills and states of others: what came last of each device and channel. */
  readonly states: QueueLimits;
}

const MIB = 1 << 20;
const SECOND = 1000;
const DAY = 24 * 3600 * SECOND;

const LIMITS: MessengerLimits = {
  inbox: { entries: 10_000, bytes: 64 * MIB },
  outbox: { entries: 10_000, bytes: 64 * MIB },
  quarantine: { entries: 10_000, bytes: 16 * MIB },
  states: { entries: 10_000, bytes: 64 * MIB },
};

const TIMING: Timing = {
  receiptDelay: 500,
  gapDelay: SECOND,
  republishAfter: 60 * SECOND,
  handleAgainAfter: 200,
  handInAgainAfter: 2 * SECOND,
};

const PATIENCE: QuarantinePatience = {
  retryAfter: SECOND,
  unknownKeys: 600 * SECOND,
  directory: 30 * DAY,
  future: 600 * SECOND,
  decision: 30 * DAY,
};

const queue = { entries: limit, bytes: limit };

/** What the options of a messenger have to be, as far as nobody else looks at them. */
const RULES: Rules<MessengerOptions> = {
  broker: either(text, listOf(text), anObject),
  directory: either(text, anObject),
  directoryKey: text,
  identity: anObject,
  store: either(text, anObject),
  passphrase: text,
  suite: oneOf(...suites.map(({ name }) => name)),
  deviceName: text,
  connect: oneOf('wait', 'background'),
  durable: oneOf('process', 'fsync'),
  settle: oneOf('soon', 'each'),
  padding: either(limit, oneOf(0, false)),
  maxPayloadBytes: limit,
  maxSealedBytes: limit,
  awaitReceipts: flag,
  copies: flag,
  via: oneOf('direct', 'relay'),
  receipts: oneOf('all', 'contacts', 'none'),
  onKeyChange: oneOf('accept', 'hold'),
  will: anObject,
  calls: CALL_RULES,
  limits: { inbox: queue, outbox: queue, quarantine: queue, states: queue },
  timing: {
    receiptDelay: duration,
    gapDelay: duration,
    republishAfter: duration,
    handleAgainAfter: duration,
    handInAgainAfter: duration,
  },
  quarantine: {
    retryAfter: duration,
    unknownKeys: duration,
    directory: duration,
    future: duration,
    decision: duration,
  },
  keyCache: {
    max: limit,
    maxStale: duration,
    negativeLife: duration,
    cooldown: duration,
    staleWhileRevalidate: duration,
  },
  provider: anObject,
  clock: anObject,
};

/** The options, complete. */
export type Settings = ReturnType<typeof withDefaults>;

/** The options with their defaults. @throws `USAGE_INVALID_ADDRESS`, `USAGE_INVALID_ARGUMENT` */
export function withDefaults(options: MessengerOptions & Pick<LinkDeviceOptions, 'card'>) {
  assertOptions(options, RULES, 'options');
  assertArgument(options.broker, given, 'options.broker');
  assertArgument(options.directory, given, 'options.directory');
  assertAddress(options.address);
  const { limits = {} } = options;
  const settings = {
    connect: 'wait' as const,
    durable: 'process' as const,
    settle: 'soon' as 'soon' | 'each',
    awaitReceipts: true,
    copies: true,
    via: 'direct' as 'direct' | 'relay',
    topicPrefix: DEFAULT_TOPIC_PREFIX,
    padding: DEFAULT_PADDING as number | false,
    maxPayloadBytes: MAX_PAYLOAD_BYTES,
    maxSealedBytes: MAX_SEALED_BYTES,
    ...options,
    timing: { ...TIMING, ...options.timing },
    limits: {
      inbox: { ...LIMITS.inbox, ...limits.inbox },
      outbox: { ...LIMITS.outbox, ...limits.outbox },
      quarantine: { ...LIMITS.quarantine, ...limits.quarantine },
      states: { ...LIMITS.states, ...limits.states },
    },
    quarantine: { ...PATIENCE, ...options.quarantine },
  };
  assertTopicPrefix(settings.topicPrefix);
  return settings;
}
