/** A STUN or TURN server (RFC 8489, RFC 8656). */
export interface IceServer {
  /** `stun:host:port`, `turn:host:port?transport=udp|tcp` or `turns:host:port` (RFC 7064, RFC 7065); several of one server. */
  readonly urls: string | readonly string[];
  readonly username?: string;
  readonly credential?: string;
}

/** `all`: whatever works; `relay`: over TURN only, so that the other side does not learn our network address. */
export type IcePolicy = 'all' | 'relay';

/** One ICE candidate (RFC 8839 §5.1). */
export interface RtcCandidate {
  /** `candidate:…`; empty when no more will come. */
  readonly candidate: string;
  /** The media description that it is for. */
  readonly mid?: string;
  readonly line?: number;
}

/** The two data channels of a connection; both are reliable. */
export type RtcChannel = 'ordered' | 'unordered';

/**
 * `connected` when both channels are open; `disconnected` when nothing comes for a while, which may pass; `failed` when there is no
 * way, or none any more; `closed` by the other side, as far as the stack tells: not every one does.
 */
export type RtcState = 'connecting' | 'connected' | 'disconnected' | 'failed' | 'closed';

/** What a connection hands in. */
export interface RtcHandlers {
  /** One of our candidates, as soon as it is known; of an offer perhaps not before it is answered. */
  candidate(candidate: RtcCandidate): void;
  /** Each change of the state. */
  state(state: RtcState): void;
  /** One message of the other side, whole. The bytes are the handler's own. */
  message(channel: RtcChannel, bytes: Uint8Array): void;
  /** What was buffered on a channel has gone out for the greater part. */
  drained(channel: RtcChannel): void;
}

/** How a connection is made. */
export interface RtcOptions {
  readonly iceServers: readonly IceServer[];
  readonly policy: IcePolicy;
  readonly handlers: RtcHandlers;
}

/** Which way a connection has taken. */
export type RtcPath = 'direct' | 'turn';

/**
 * One connection to one peer. The certificate of the other side is held against the fingerprint in its description (RFC 8122), or
 * the connection does not come about. Nothing is awaited that may take a network's time but what says so.
 */
export interface RtcConnection {
  /** Our description as the one who begins; candidates follow by the handler. @throws `TRANSPORT_CLOSED` when it is closed before */
  offer(): Promise<string>;
  /** Our description in answer to theirs. @throws `DECODE_RTC` when theirs is none, or this is closed before */
  answer(offer: string): Promise<string>;
  /** Their description in answer to ours. @throws `DECODE_RTC`, as {@link answer} */
  accept(answer: string): Promise<void>;
  /** A candidate of the other side, once its description is here. One that is of no use is passed over. */
  addCandidate(candidate: RtcCandidate): void;
  /** Largest message in bytes that both sides take, once connected. */
  readonly maxMessageBytes: number;
  /** Bytes that wait to go out. */
  buffered(channel: RtcChannel): number;
  /** Sends one message; its memory is the caller's again afterwards. @throws `TRANSPORT_CLOSED` unless connected */
  send(channel: RtcChannel, bytes: Uint8Array): void;
  /** The way it has taken, once connected. */
  path(): Promise<RtcPath>;
  /** Ends it, and with it all that it holds; nothing is handed in any more, and nobody waits for a description. */
  close(): Promise<void>;
}

/** A WebRTC stack. */
export interface Rtc {
  /** For people and logs. */
  readonly name: string;
  create(options: RtcOptions): RtcConnection;
}

/** How many bytes wait on a channel, at most, when {@link RtcHandlers.drained} is called. */
export const LOW_WATER = 256 * 1024;
