/** `sealmq/node-datachannel`: calls over libdatachannel, the fast WebRTC stack for Node. */
import { BlockList, isIP, isIPv6 } from 'node:net';
import { type DataChannel, PeerConnection as NativePeer } from 'node-datachannel';
import { SealMQError } from '../../errors.js';
import type { IceServer, Rtc, RtcCandidate, RtcOptions } from '../../ports/rtc.js';
import { type PeerConnection, readCandidate, rtcConnection, withCandidates } from './peer-connection.js';

export type { Rtc } from '../../ports/rtc.js';

/** The media description of data channels, where a candidate does not say which it is for. */
const MID = '0';

/** Candidates of the other side that wait for one of ours, at most. */
const MAX_WAITING = 64;

/** WebRTC by the package `node-datachannel`. */
export function nodeDataChannelRtc(): Rtc {
  return { name: 'node-datachannel', create: (options) => rtcConnection(nativePeer(options), options) };
}

/** A channel with the W3C's names. */
interface NamedChannel {
  readonly native: DataChannel;
  readonly label: string;
  readonly bufferedAmount: number;
  bufferedAmountLowThreshold: number;
  readonly readyState: string;
  close(): void;
}

function nativePeer({ iceServers, policy }: RtcOptions): PeerConnection<NamedChannel> {
  const peer = new NativePeer('sealmq', {
    iceServers: iceServers.flatMap(serversOf),
    iceTransportPolicy: policy,
    disableAutoNegotiation: true,
  });
  const add = async ({ candidate, mid = MID }: RtcCandidate) => peer.addRemoteCandidate(candidate, mid);
  // What is none is passed over.
  const relays = policy === 'relay' ? trustedRelays((one) => void add(one).catch(() => {})) : undefined;
  const theirs = async (one: RtcCandidate) => (relays ? relays.theirs(one) : add(one));
  const ours = candidatesOfOurs();
  const channels: DataChannel[] = [];
  const kept = (channel: DataChannel) => {
    channels.push(channel);
    // The addon lets go of a channel when it has told somebody that it is closed: one that we refuse would hold the process.
    channel.onClosed(() => {});
    return named(channel);
  };
  const described = (type: 'offer' | 'answer') =>
    new Promise<string>((resolve) => {
      peer.onLocalDescription((sdp) => resolve(sdp));
      peer.setLocalDescription(type);
    });
  return {
    createChannel: (label, ordered) => kept(peer.createDataChannel(label, { unordered: !ordered })),
    createOffer() {
      ours.hold();
      return described('offer');
    },
    createAnswer: () => described('answer'),
    async setRemote(type, sdp) {
      const [bare, candidates] = apart(sdp);
      peer.setRemoteDescription(bare, type);
      for (const candidate of candidates) void theirs({ candidate }).catch(() => {});
      ours.release();
    },
    addCandidate: theirs,
    onState: (listener) => peer.onStateChange(listener),
    onCandidate(listener) {
      ours.listener = listener;
      peer.onLocalCandidate((line, mid) => {
        relays?.ours(line);
        ours.found(candidateOf(line, mid));
      });
      peer.onGatheringStateChange((state) => state === 'complete' && ours.found({ candidate: '' }));
    },
    onChannel: (listener) => peer.onDataChannel((channel) => listener(kept(channel))),
    // False says that it is buffered, not that it is lost.
    send: ({ native }, bytes) => void native.sendMessageBinary(bytes),
    listen({ native }, { open, closed, message, low }) {
      native.onOpen(open);
      native.onClosed(closed);
      native.onMessage(message);
      native.onBufferedAmountLow(low);
      if (native.isOpen()) open();
    },
    async pair() {
      const { local, remote } = peer.getSelectedCandidatePair() ?? {};
      return [local?.type, remote?.type].map(String);
    },
    maxMessageBytes: () => peer.maxMessageSize(),
    close() {
      // A peer does not close the channels that never opened: they would hold their listeners, and the process, for ever.
      for (const channel of channels) channel.close();
      peer.close();
    },
  };
}

function named(native: DataChannel): NamedChannel {
  return {
    native,
    label: native.getLabel(),
    get bufferedAmount() {
      return native.bufferedAmount();
    },
    set bufferedAmountLowThreshold(bytes: number) {
      native.setBufferedAmountLowThreshold(bytes);
    },
    get readyState() {
      return native.isOpen() ? 'open' : 'connecting';
    },
    close: () => native.close(),
  };
}

/** Libdatachannel writes a whole line of SDP. */
function candidateOf(line: string, mid: string): RtcCandidate {
  return { candidate: line.replace(/^a=/, ''), mid };
}

/**
 * Our candidates, which wait until an offer of ours is answered. Libdatachannel lets ICE know of the answer before it remembers the
 * fingerprint in it: where the other side knocks at our address already, DTLS can be faster, and fails ("unknown CA").
 */
function candidatesOfOurs() {
  let held: RtcCandidate[] | undefined;
  const candidates = {
    listener: (_candidate: RtcCandidate): void => {},
    found: (one: RtcCandidate): void => (held ? void held.push(one) : candidates.listener(one)),
    hold() {
      held = [];
    },
    release() {
      const ready = held ?? [];
      held = undefined;
      for (const one of ready) candidates.listener(one);
    },
  };
  return candidates;
}

/** A description without its candidates, and they: for the reason of {@link candidatesOfOurs} they are told behind it. */
function apart(sdp: string): readonly [bare: string, candidates: readonly string[]] {
  const candidates: string[] = [];
  const bare = withCandidates(sdp, (candidate) => {
    candidates.push(candidate);
    return false;
  });
  // None would be taken behind their end.
  return [bare.replace(/^a=end-of-candidates\r\n/gm, ''), candidates];
}

/** What {@link trustedRelays} is told: candidates of ours, and of the other side. */
interface TrustedRelays {
  ours(candidate: string): void;
  theirs(candidate: RtcCandidate): void;
}

/**
 * Candidates of the other side that are relays at an address where our TURN servers relay for us, too, go to `add`. Libjuice tries its
 * own address, whatever the policy, and what the other side calls a relay may be itself: only at a server that we trust does
 * nobody learn the address.
 */
function trustedRelays(add: (candidate: RtcCandidate) => void): TrustedRelays {
  const trusted = new BlockList();
  let waiting: RtcCandidate[] = [];
  const isTrusted = ({ candidate }: RtcCandidate) => {
    const { address, type } = readCandidate(candidate);
    return type === 'relay' && isIP(address) !== 0 && trusted.check(address, familyOf(address));
  };
  return {
    ours(candidate) {
      const { address, type } = readCandidate(candidate);
      if (type !== 'relay' || isIP(address) === 0) return;
      trusted.addAddress(address, familyOf(address));
      const ready = waiting.filter(isTrusted);
      waiting = waiting.filter((one) => !ready.includes(one));
      for (const one of ready) add(one);
    },
    theirs(candidate) {
      if (isTrusted(candidate)) add(candidate);
      else if (waiting.length < MAX_WAITING) waiting.push(candidate);
    },
  };
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4';
}

/** It wants the parts of a URL. @throws `USAGE_INVALID_ARGUMENT` */
function serversOf({ urls, username, credential }: IceServer) {
  return [urls].flat().map((url) => {
    const [, scheme, hostname, port, transport = 'udp'] =
      /^(stun|turns?):(\[[^\]]+\]|[^:?]+)(?::(\d+))?(?:\?transport=(udp|tcp))?$/.exec(url) ?? [];
    if (!scheme || !hostname) throw new SealMQError('USAGE_INVALID_ARGUMENT', 'not a stun:, turn: or turns: URL');
    const number = Number(port ?? (scheme === 'turns' ? 5349 : 3478));
    if (scheme === 'stun') return `stun:${hostname}:${number}`;
    const relayType = scheme === 'turns' ? 'TurnTls' : transport === 'tcp' ? 'TurnTcp' : 'TurnUdp';
    const secret = {
      ...(username !== undefined && { username }),
      ...(credential !== undefined && { password: credential }),
    };
    return { hostname, port: number, relayType: relayType as 'TurnTls' | 'TurnTcp' | 'TurnUdp', ...secret };
  });
}
