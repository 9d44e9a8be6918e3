import { SealMQError } from '../../errors.js';
import {
  type IcePolicy,
  LOW_WATER,
  type RtcCandidate,
  type RtcChannel,
  type RtcConnection,
  type RtcHandlers,
  type RtcOptions,
  type RtcPath,
  type RtcState,
} from '../../ports/rtc.js';

/** Labels of the data channels. */
export const LABELS: Readonly<Record<RtcChannel, string>> = { ordered: 'sealmq', unordered: 'sealmq-unordered' };

/** What of the W3C's RTCDataChannel is used here. */
export interface DataChannel {
  readonly label: string;
  readonly bufferedAmount: number;
  bufferedAmountLowThreshold: number;
  binaryType?: string;
  readonly readyState: string;
  close(): void;
}

/** What differs between stacks that have the W3C's RTCPeerConnection, more or less. */
export interface PeerConnection<Channel extends DataChannel> {
  createChannel(label: string, ordered: boolean): Channel;
  /** Our description; gathering candidates begins, and is not waited for. */
  createOffer(): Promise<string>;
  createAnswer(): Promise<string>;
  setRemote(type: 'offer' | 'answer', sdp: string): Promise<void>;
  addCandidate(candidate: RtcCandidate): Promise<void>;
  onState(listener: (state: string) => void): void;
  onCandidate(listener: (candidate: RtcCandidate) => void): void;
  onChannel(listener: (channel: Channel) => void): void;
  send(channel: Channel, bytes: Uint8Array): void;
  /** Listens to a channel, which may be open already. */
  listen(channel: Channel, listeners: ChannelListeners): void;
  /** Kinds of the candidates of the pair in use: `host`, `srflx`, `prflx`, `relay`. */
  pair(): Promise<readonly string[]>;
  maxMessageBytes(): number;
  close(): Promise<void> | void;
}

/** What is to be heard of a channel. */
export interface ChannelListeners {
  open(): void;
  closed(): void;
  message(data: unknown): void;
  low(): void;
}

/** What a description of ours, and so of theirs, always has. */
const DATA_CHANNELS = /^m=application .*webrtc-datachannel/m;
const FINGERPRINT = /^a=fingerprint:/im;

const STATES: Readonly<Record<string, RtcState>> = {
  new: 'connecting',
  connecting: 'connecting',
  disconnected: 'disconnected',
  failed: 'failed',
  closed: 'closed',
};

/** A connection over what a stack calls a peer connection. */
export function rtcConnection<Channel extends DataChannel>(
  peer: PeerConnection<Channel>,
  { handlers, policy }: Pick<RtcOptions, 'handlers' | 'policy'>,
): RtcConnection {
  const channels = new Map<RtcChannel, Channel>();
  const open = new Set<RtcChannel>();
  const link = { closed: false, state: 'connecting' as RtcState, up: false };
  const isTried = triedCandidates();
  const tell = (state: RtcState) => {
    if (link.closed || link.state === state) return;
    link.state = state;
    handlers.state(state);
  };
  const settle = () => {
    if (link.up && open.size === 2) tell('connected');
  };

  const take = (name: RtcChannel, channel: Channel) => {
    channels.set(name, channel);
    channel.bufferedAmountLowThreshold = LOW_WATER;
    peer.listen(channel, {
      open() {
        open.add(name);
        // A channel is open only where the way is.
        link.up = true;
        settle();
      },
      closed: () => tell('closed'),
      message: (data) => deliver(link, handlers, name, data),
      low: () => !link.closed && handlers.drained(name),
    });
  };

  peer.onCandidate((one) => {
    if (!link.closed && mayBeTold(policy, one.candidate)) handlers.candidate(one);
  });
  peer.onState((state) => {
    link.up = state === 'connected' || state === 'completed';
    if (link.up) settle();
    else tell(STATES[state] ?? 'connecting');
  });
  peer.onChannel((channel) => {
    const name = nameOf(channel.label);
    // What is not ours is not taken, nor are there two of a kind.
    if (name === undefined || channels.has(name)) channel.close();
    else take(name, channel);
  });

  let giveUp: (error: SealMQError) => void = () => {};
  const closing = new Promise<never>((_, reject) => {
    giveUp = reject;
  });
  closing.catch(() => {});
  /** What a stack is at when it is closed it leaves as it is: a browser's promise never settles then. */
  const unlessClosed = <T>(work: Promise<T>): Promise<T> => Promise.race([work, closing]);

  const described = async <T>(theirs: string, work: () => Promise<T>): Promise<T> => {
    try {
      if (!DATA_CHANNELS.test(theirs) || !FINGERPRINT.test(theirs)) throw new TypeError('not data channels over DTLS');
      return await unlessClosed(work());
    } catch (cause) {
      throw new SealMQError('DECODE_RTC', 'the WebRTC stack does not take the description', cause);
    }
  };

  return {
    async offer() {
      for (const name of ['ordered', 'unordered'] as const)
        take(name, peer.createChannel(LABELS[name], name === 'ordered'));
      return toldLines(policy, await unlessClosed(peer.createOffer()));
    },
    answer: (sdp) =>
      described(sdp, async () => {
        await peer.setRemote('offer', withCandidates(sdp, isTried));
        return toldLines(policy, await peer.createAnswer());
      }),
    accept: (sdp) => described(sdp, () => peer.setRemote('answer', withCandidates(sdp, isTried))),
    addCandidate(candidate) {
      // Not awaited: werift takes ten seconds for names of the local network that nobody answers for.
      if (link.closed || candidate.candidate === '' || !isTried(candidate.candidate)) return;
      peer.addCandidate(candidate).catch(() => {});
    },
    get maxMessageBytes() {
      return peer.maxMessageBytes();
    },
    buffered: (name) => channels.get(name)?.bufferedAmount ?? 0,
    send(name, bytes) {
      const channel = channels.get(name);
      if (!channel || link.closed || link.state !== 'connected') throw notConnected();
      try {
        peer.send(channel, bytes);
      } catch (cause) {
        throw new SealMQError('TRANSPORT_CLOSED', 'the data channel does not take it', cause);
      }
    },
    async path(): Promise<RtcPath> {
      if (link.closed || link.state !== 'connected') throw notConnected();
      return (await peer.pair()).includes('relay') ? 'turn' : 'direct';
    },
    async close() {
      if (link.closed) return;
      link.closed = true;
      giveUp(notConnected());
      await peer.close();
    },
  };
}

/** Relays only, where that is the policy: a stack may find other candidates all the same. */
export function mayBeTold(policy: IcePolicy, candidate: string): boolean {
  return policy === 'all' || candidate === '' || readCandidate(candidate).type === 'relay';
}

/** The description without the candidates that are not to be told. */
function toldLines(policy: IcePolicy, sdp: string): string {
  return withCandidates(sdp, (candidate) => mayBeTold(policy, candidate));
}

/** The description with those candidates alone that pass. */
export function withCandidates(sdp: string, passes: (candidate: string) => boolean): string {
  const lines = sdp.split(/\r\n|\r|\n/);
  return lines.filter((line) => !line.startsWith('a=candidate') || passes(line)).join('\r\n');
}

/** Address and type of a candidate, by their places (RFC 8839 §5.1), as stacks read them. */
export function readCandidate(candidate: string): { readonly address: string; readonly type: string | undefined } {
  const [, , , , address = '', , , type] = candidate.trim().split(/\s+/);
  return { address, type };
}

/** Names of the local network that are tried for one connection, at most. */
const MAX_NAMES = 16;

const IP_ADDRESS = /^(?:\d{1,3}(?:\.\d{1,3}){3}|[\da-f:.]*:[\da-f:.]*)$/i;

/**
 * Which candidates of the other side are tried: addresses, and a few of the names behind which browsers hide theirs. Any other name
 * would be looked up at a name server of the other side's choice, with a thread for each in a native stack.
 */
export function triedCandidates(): (candidate: string) => boolean {
  let names = 0;
  return (candidate) => {
    const { address } = readCandidate(candidate);
    return IP_ADDRESS.test(address) || (/^[\da-z-]+\.local$/i.test(address) && names++ < MAX_NAMES);
  };
}

function notConnected(): SealMQError {
  return new SealMQError('TRANSPORT_CLOSED', 'there is no connection');
}

function nameOf(label: string): RtcChannel | undefined {
  return (['ordered', 'unordered'] as const).find((name) => LABELS[name] === label);
}

/** Text is none of ours. */
function deliver(link: { readonly closed: boolean }, handlers: RtcHandlers, name: RtcChannel, data: unknown): void {
  if (link.closed) return;
  if (data instanceof ArrayBuffer) handlers.message(name, new Uint8Array(data));
  else if (data instanceof Uint8Array)
    handlers.message(name, new Uint8Array(data.buffer, data.byteOffset, data.length));
}
