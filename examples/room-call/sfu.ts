/** An SFU in the page: a peer connection to the one who sends, another to the one who receives, and frames in between. */

/** What the SFU did. */
export interface Forwarded {
  readonly frames: number;
  readonly bytes: number;
}

/** Puts an SFU between two peer connections; what its own decoder makes of the frames is played in `view`. */
export async function connectBySfu(alice: RTCPeerConnection, bob: RTCPeerConnection, view: HTMLVideoElement) {
  const worker = new Worker(new URL('./sfu-worker.ts', import.meta.url), { type: 'module' });
  let forwarded: Forwarded = { frames: 0, bytes: 0 };
  worker.onmessage = ({ data }: MessageEvent<Forwarded>) => {
    forwarded = data;
  };
  const [fromAlice, toBob] = [new RTCPeerConnection(), new RTCPeerConnection()];
  fromAlice.ontrack = ({ receiver, track }) => {
    receiver.transform = new RTCRtpScriptTransform(worker, 'from Alice');
    view.srcObject = new MediaStream([track]);
  };
  const sender = toBob.addTrack(carrierTrack());
  sender.transform = new RTCRtpScriptTransform(worker, 'to Bob');
  for (const connection of [alice, toBob]) preferVp8(connection);
  await negotiate(toBob, bob);
  await negotiate(alice, fromAlice);
  return { forwarded: () => forwarded };
}

/** Pictures of no matter, twice as many as Alice sends, so that each of her frames finds one whose place it takes. */
function carrierTrack(): MediaStreamTrack {
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d') as CanvasRenderingContext2D;
  let turn = 0;
  setInterval(() => {
    context.fillStyle = `hsl(${turn++ % 360} 50% 50%)`;
    context.fillRect(0, 0, canvas.width, canvas.height);
  }, 33);
  return canvas.captureStream(30).getVideoTracks()[0] as MediaStreamTrack;
}

function preferVp8(connection: RTCPeerConnection): void {
  const codecs = RTCRtpSender.getCapabilities('video')?.codecs.filter(({ mimeType }) => mimeType === 'video/VP8') ?? [];
  for (const transceiver of connection.getTransceivers()) transceiver.setCodecPreferences(codecs);
}

/** Offer, answer and candidates, by hand: all are in this page. */
async function negotiate(from: RTCPeerConnection, to: RTCPeerConnection): Promise<void> {
  from.onicecandidate = ({ candidate }) => void to.addIceCandidate(candidate ?? undefined);
  to.onicecandidate = ({ candidate }) => void from.addIceCandidate(candidate ?? undefined);
  await from.setLocalDescription();
  await to.setRemoteDescription(from.localDescription as RTCSessionDescription);
  await to.setLocalDescription();
  await from.setRemoteDescription(to.localDescription as RTCSessionDescription);
}
