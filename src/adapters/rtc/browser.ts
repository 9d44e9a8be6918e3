import type { IceServer, Rtc, RtcOptions } from '../../ports/rtc.js';
import { type PeerConnection, rtcConnection } from './peer-connection.js';

/** The WebRTC of browsers, or `undefined` where there is none. */
export function browserRtc(): Rtc | undefined {
  if (typeof globalThis.RTCPeerConnection !== 'function') return undefined;
  return { name: 'browser', create: (options) => rtcConnection(browserPeer(options), options) };
}

function browserPeer({ iceServers, policy }: RtcOptions): PeerConnection<RTCDataChannel> {
  const peer = new RTCPeerConnection({ iceServers: iceServers.map(serverOf), iceTransportPolicy: policy });
  const local = async (description: RTCSessionDescriptionInit): Promise<string> => {
    await peer.setLocalDescription(description);
    return description.sdp ?? '';
  };
  return {
    createChannel: (label, ordered) => peer.createDataChannel(label, { ordered }),
    createOffer: async () => local(await peer.createOffer()),
    createAnswer: async () => local(await peer.createAnswer()),
    setRemote: (type, sdp) => peer.setRemoteDescription({ type, sdp }),
    addCandidate: ({ candidate, mid = null, line = null }) =>
      peer.addIceCandidate({ candidate, sdpMid: mid, sdpMLineIndex: line }),
    onState(listener) {
      peer.onconnectionstatechange = () => listener(peer.connectionState);
    },
    onCandidate(listener) {
      peer.onicecandidate = ({ candidate: one }) => {
        const { candidate = '', sdpMid: mid, sdpMLineIndex: line } = one ?? {};
        listener({ candidate, ...(mid && { mid }), ...(typeof line === 'number' && { line }) });
      };
    },
    onChannel(listener) {
      peer.ondatachannel = ({ channel }) => listener(channel);
    },
    send: (channel, bytes) => channel.send(bytes as Uint8Array<ArrayBuffer>),
    listen(channel, { open, closed, message, low }) {
      channel.binaryType = 'arraybuffer';
      channel.onopen = open;
      channel.onclose = closed;
      channel.onmessage = ({ data }) => message(data);
      channel.onbufferedamountlow = low;
      if (channel.readyState === 'open') open();
    },
    async pair() {
      const stats = new Map<string, Record<string, unknown>>();
      for (const [id, stat] of (await peer.getStats()) as unknown as Map<string, Record<string, unknown>>) {
        stats.set(id, stat);
      }
      const all = [...stats.values()];
      const selected = all.find(({ type }) => type === 'transport')?.selectedCandidatePairId;
      const pair =
        stats.get(String(selected)) ?? all.find(({ type, nominated }) => type === 'candidate-pair' && nominated);
      const ids = [pair?.localCandidateId, pair?.remoteCandidateId];
      return ids.map((id) => String(stats.get(String(id))?.candidateType));
    },
    maxMessageBytes: () => peer.sctp?.maxMessageSize ?? 0,
    close: () => peer.close(),
  };
}

function serverOf({ urls, ...rest }: IceServer): RTCIceServer {
  return { urls: typeof urls === 'string' ? urls : [...urls], ...rest };
}
