import type { MqttTransportOptions } from '../../adapters/mqtt/mqtt-transport.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import type { Awaitable } from '../../crypto/steps.js';
import type { Clock } from '../../ports/clock.js';
import type { KeyDirectory } from '../../ports/key-directory.js';
import type { Store } from '../../ports/store.js';
import type { HandInFamily } from '../../protocol/relay/hand-in.js';
import type { HandInLimits } from '../../protocol/relay/judge-hand-in.js';
import type { HandInRefusal, UpdateRefusal } from '../../protocol/relay/relay-answer.js';
import type { TokenRate } from '../../protocol/token-bucket.js';
import type { CheckInfoOk, Registered } from '../registered.js';
import type { RelayKeysFile } from './relay-account.js';

/** Why a hand-in is passed over without an answer: nobody is known whom an answer could safely go to. */
export type DropReason =
  | 'malformed'
  | 'not-for-me'
  | 'unverifiable'
  | 'unknown-sender'
  | 'unknown-key'
  | 'revoked'
  | 'retired'
  | 'forged'
  /** Answered or refused often enough. */
  | 'repeated'
  /** The directory cannot be asked: the sender tries again. */
  | 'directory-unreachable';

/** What a relay reports; never what was handed in, nor for whom. */
export type RelayEvent =
  | { readonly type: 'taken'; readonly copies: number; readonly refused: number }
  | { readonly type: 'refused'; readonly reason: HandInRefusal | UpdateRefusal }
  | { readonly type: 'repeated' }
  | { readonly type: 'dropped'; readonly reason: DropReason }
  | { readonly type: 'failed'; readonly error: unknown }
  /** A device has said where it can be woken, or that it no longer can. */
  | { readonly type: 'updated' }
  /** A push service has a push. */
  | { readonly type: 'pushed' }
  | { readonly type: 'unwoken'; readonly reason: UnwokenReason };

/** Why a device was not woken that had not heard a dial. */
export type UnwokenReason =
  /** The caller dials, or the callee is called, too often. */
  | 'rate-limited'
  /** Too many dials wait at this relay. */
  | 'too-many'
  /** Its subscription is over, and was forgotten. */
  | 'gone'
  /** The push service refused, or stands at an address that is not public. */
  | 'refused'
  /** No push service in time. */
  | 'unreachable'
  /** The call was answered or over before. */
  | 'unwanted';

/** How a relay wakes people who are called, by web push. */
export interface PushOptions {
  /** Whom push services can write to about this relay: `mailto:…` or `https://…` (RFC 8292 §2.1). */
  readonly contact: string;
  /** Hosts of push services: `push.example`, `*.push.example`, with `:port` where it is not 443; default those of the browsers. */
  readonly hosts?: readonly string[];
  /** How long a device has to say that it hears a dial before it is pushed to, in milliseconds; default 3,000. */
  readonly after?: number;
  /** Wakes of one caller and of one callee; default 5 at once, and one in 10 seconds; 10 at once, and one in 5 seconds. */
  readonly limits?: Partial<WakeLimits>;
  /** Subscriptions that are kept in all; default 100,000, of each address 64. */
  readonly maxSubscriptions?: number;
  /** First pause before a push service that failed is tried again, in milliseconds; doubles; default 1,000. */
  readonly againAfter?: number;
  /** Certificates (PEM) to trust in place of the well-known ones: for a push service of your own. */
  readonly ca?: string;
  /**
   * Push also to addresses that are not public (loopback, private networks): only for a push service of your own. Whoever may
   * register could otherwise have the relay knock at your other services, on the hosts that you list.
   */
  readonly privateNetworks?: boolean;
  /** The addresses of a host; default the platform's resolver. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
}

/** How many wakes there may be. */
export interface WakeLimits {
  readonly perCaller: TokenRate;
  readonly perCallee: TokenRate;
}

/** A sender asks that receivers be woken who are not there. */
export interface WakeRequest {
  readonly sender: string;
  /** Those who got a copy. */
  readonly receivers: readonly string[];
  readonly family: HandInFamily;
  /** As the sender signed it: up to 4,096 bytes that the relay does not look into. */
  readonly wake: Uint8Array;
}

/** How a relay is made. */
export interface RelayOptions
  extends Pick<MqttTransportOptions, 'username' | 'password' | 'credentials' | 'tls' | 'connectTimeout'> {
  /** `mqtt://`, `mqtts://`, `ws://` or `wss://` address of the broker, or several of one. */
  readonly broker: string | readonly string[];
  /** Where the keys of senders are found: address of a key directory, or a directory of your own. */
  readonly directory: string | KeyDirectory;
  /** Thumbprint (unpadded base64url) of the directory's key; where absent the first one seen is pinned. */
  readonly directoryKey?: string;
  /** Whether an address is registered; default: whether the directory has a record of it. `keyProvider.registered` knows both kinds. */
  readonly registered?: Registered;
  /** Verifies what senders without a record at the directory show; without it they are not served. `keyProvider.checkInfoOk`. */
  readonly checkInfoOk?: CheckInfoOk;
  /** Folder for the relay's keys, created with mode 0700. Without it and {@link store} each start makes new ones. */
  readonly data?: string;
  /** A store instead of {@link data}: it holds private keys, so it should encrypt. The caller closes it. */
  readonly store?: Store;
  /** The keys of another instance of this relay, from {@link Relay.exportKeys}, for a store that has none yet. */
  readonly keys?: RelayKeysFile;
  /** First levels of all topics; default `nes`. */
  readonly topicPrefix?: string;
  readonly limits?: Partial<HandInLimits>;
  /** Wakes people who are called and away; without it, nobody is. The keys for it are made at the first start. */
  readonly push?: PushOptions;
  /** Called for each hand-in that asks for it, once its copies are in the queues. What it throws is reported. */
  readonly onWake?: (request: WakeRequest) => Awaitable<void>;
  /** Told what happens. */
  readonly log?: (event: RelayEvent) => void;
  readonly clock?: Clock;
  /** Default: node:crypto. */
  readonly provider?: CryptoProvider;
}

/** Hand-ins, updates and pushes since the start, by what became of them. */
export interface RelayCounts {
  readonly taken: number;
  readonly copies: number;
  readonly refused: number;
  readonly repeated: number;
  readonly dropped: number;
  readonly failed: number;
  readonly updated: number;
  readonly pushed: number;
  readonly unwoken: number;
}

/** A running relay. */
export interface Relay {
  /** Its key record, for `keyProvider.publishRelay`. */
  readonly record: Uint8Array;
  readonly counts: RelayCounts;
  /** Its keys under a passphrase, for further instances. */
  exportKeys(passphrase: string): Promise<Uint8Array>;
  /** Finishes the hand-in at work, then disconnects. Again is harmless. */
  close(): Promise<void>;
}
