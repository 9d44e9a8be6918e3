import { browserRtc } from '../../adapters/rtc/browser.js';
import { present } from '../../bytes/fields.js';
import type { IcePolicy, IceServer, Rtc } from '../../ports/rtc.js';
import { aFunction, either, limit, oneOf, type Rule, type Rules } from '../arguments.js';

/** How calls are made and taken. */
export interface CallOptions {
  /**
   * The WebRTC stack; default the browser's, and none in Node: there `nodeDataChannelRtc()` of `sealmq/node-datachannel`, or
   * `weriftRtc()` of `sealmq/werift`. Without one, or with `false`, calls go over MQTT.
   */
  readonly rtc?: Rtc | false;
  /** STUN and TURN servers; a function is asked for each connection, for credentials that hold for a short time. */
  readonly iceServers?: readonly IceServer[] | (() => readonly IceServer[] | Promise<readonly IceServer[]>);
  /** `relay`: over TURN only, so that the other side does not learn our network address; default `all`. */
  readonly policy?: IcePolicy;
  /**
   * How frames go: `direct` to the other side's topic, or handed in at the `relay`, which wakes who is away; default as everything
   * that this messenger sends (`via`).
   */
  readonly via?: 'direct' | 'relay';
  /** Calls at once; default 1. Whoever calls beyond that is told `busy`. */
  readonly limit?: number;
  /** How long a direct way is looked for before MQTT is used, in milliseconds; default 10,000. */
  readonly fallbackAfter?: number;
  /** Largest message that is taken, in bytes; default 64 MiB. */
  readonly maxMessageBytes?: number;
  /** How often the other side is asked for a sign of life, in milliseconds; default 5,000. After six times without, it is gone. */
  readonly heartbeat?: number;
}

/** The options, complete. */
export interface CallSettings {
  readonly rtc: Rtc | undefined;
  iceServers(): Promise<readonly IceServer[]>;
  readonly policy: IcePolicy;
  readonly limit: number;
  readonly fallbackAfter: number;
  readonly maxMessageBytes: number;
  readonly heartbeat: number;
}

const aStack: Rule = {
  is: (value) => typeof (value as Partial<Rtc> | null)?.create === 'function',
  what: 'a WebRTC stack',
};

/** A misspelt word must not pass for the default: `policy: 'Relay'` would tell our network address. */
export const CALL_RULES: Rules<CallOptions> = {
  rtc: either(aStack, oneOf(false)),
  iceServers: either({ is: Array.isArray, what: 'a list' }, aFunction),
  policy: oneOf('all', 'relay'),
  via: oneOf('direct', 'relay'),
  limit,
  fallbackAfter: limit,
  maxMessageBytes: limit,
  heartbeat: limit,
};

/** The options with their defaults. They have been checked by {@link CALL_RULES}. */
export function callSettings(given: CallOptions = {}): CallSettings {
  const { rtc, iceServers = [], ...options } = present(given) as CallOptions;
  return {
    ...{ policy: 'all' as const, limit: 1, fallbackAfter: 10_000, maxMessageBytes: 64 * 1024 * 1024, heartbeat: 5_000 },
    ...options,
    rtc: rtc === false ? undefined : (rtc ?? browserRtc()),
    iceServers: async () => (typeof iceServers === 'function' ? iceServers() : iceServers),
  };
}
