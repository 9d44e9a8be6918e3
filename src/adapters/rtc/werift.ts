/** `sealmq/werift`: calls over werift, a WebRTC stack in pure JavaScript, for Node. */
import { type RTCDataChannel, RTCPeerConnection } from 'werift';
import type { Rtc, RtcOptions } from '../../ports/rtc.js';
import { type PeerConnection, rtcConnection } from './peer-connection.js';

export type { Rtc } from '../../ports/rtc.js';

/** WebRTC by the package `werift`. It runs everywhere, and is the slower one. */
export function weriftRtc(): Rtc {
  return { name: 'werift', create: (options) => rtcConnection(weriftPeer(options), options) };
}

function weriftPeer({ iceServers, policy }: RtcOptions): PeerConnection<RTCDataChannel> {
  const peer = new RTCPeerConnection({
    // One URL a server: it knows no lists.
    iceServers: iceServers.flatMap(({ urls, ...rest }) => [urls].flat().map((url) => ({ urls: url, ...rest }))),
    iceTransportPolicy: policy,
  });
  return {
    createChannel: (label, ordered) => peer.createDataChannel(label, { ordered }),
    createOffer: async () => described(peer, await peer.createOffer()),
    createAnswer: async () => described(peer, await peer.createAnswer()),
    setRemote: (type, sdp) => peer.setRemoteDescription({ type, sdp }),
    async addCandidate({ candidate, mid = '0', line = 0 }) {
      await peer.addIceCandidate({ candidate, sdpMid: mid, sdpMLineIndex: line });
    },
    onState(listener) {
      peer.connectionStateChange.subscribe(listener);
    },
    onCandidate(listener) {
      peer.onIceCandidate.subscribe((one) => {
        const { candidate = '', sdpMid: mid, sdpMLineIndex: line } = one?.toJSON() ?? {};
        listener({ candidate, ...(mid && { mid }), ...(typeof line === 'number' && { line }) });
      });
    },
    onChannel(listener) {
      peer.onDataChannel.subscribe(listener);
    },
    // A copy: what it sends later, or again, it takes from there.
    send: (channel, bytes) => channel.send(Buffer.from(bytes)),
    listen(channel, { open, closed, message, low }) {
      channel.stateChanged.subscribe((state) => {
        if (state === 'open') open();
        if (state === 'closed') closed();
      });
      channel.onMessage.subscribe(message);
      channel.bufferedAmountLow.subscribe(low);
      if (channel.readyState === 'open') open();
    },
    async pair() {
      const { nominated } = peer.iceTransports[0]?.connection ?? {};
      return [nominated?.localCandidate.type, nominated?.remoteCandidate.type].map(String);
    },
    maxMessageBytes: () => peer.sctp?.maxMessageSize ?? 0,
    close: () => peer.close(),
  };
}

/** Its descriptions would wait for all candidates: they go one by one, as they come. */
async function described(
  peer: RTCPeerConnection,
  description: Awaited<ReturnType<RTCPeerConnection['createOffer']>>,
): Promise<string> {
  // Gathering may take as long as a STUN server is silent.
  void peer.setLocalDescription(description).catch(() => {});
  return description.sdp;
}
