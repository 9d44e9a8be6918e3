/** A page with members of a room, who call each other: each has peer connections of its own, which all begin and end here. */
import { Messenger, memoryStore, type Room } from 'sealmq';
import { openRoomMedia, type RoomMedia } from 'sealmq/room/media';
import { brightness, likeness } from '../../../examples/room-call/picture.js';
import { offer } from './bridge.js';

/** Where a messenger finds the others. */
export interface Place {
  readonly broker: string;
  readonly directory: string;
}

/** One direction of a connection, as its receiver sees it. */
export interface Reception {
  readonly bytes: number;
  readonly framesReceived: number;
  readonly framesDecoded: number;
  /** Of the picture to that of the camera: 1 for the same, about 0 for noise and for none. */
  readonly likeness: number;
}

/** What the page does for the tests. */
export interface Caller {
  /** Opens a messenger and joins a room. */
  join(address: string, room: string, admit: readonly string[], place: Place): Promise<void>;
  /** How many members have the keys of this one, and it theirs. */
  ready(address: string): number;
  /** Sends one frame to the room. */
  say(address: string, text: string): Promise<void>;
  /** The frames that came, as `from: text`. */
  heard(address: string): readonly string[];
  /** `stubborn`: with a worker that forgets nothing. */
  openMedia(address: string, worker?: 'stubborn'): Promise<void>;
  /** Sends a camera and a microphone from one to the other; answers the number of the connection. */
  call(from: string, to: string, how: { readonly codec: string; readonly playOnly?: string }): Promise<number>;
  /** The same, to somebody who is in no room and plays what comes. */
  callStranger(from: string, how: { readonly codec: string }): Promise<number>;
  reception(connection: number): Promise<Reception>;
  /** Makes the browser one of those before `RTCRtpScriptTransform`. */
  forgetScriptTransform(): void;
  /** What the members' media have told, one line each. */
  told(address: string): readonly string[];
  leave(address: string): Promise<void>;
}

interface Member {
  readonly messenger: Messenger;
  readonly room: Room;
  media?: RoomMedia;
  readonly heard: string[];
  readonly told: string[];
}

interface Connection {
  readonly to: RTCPeerConnection;
  readonly sent: HTMLVideoElement;
  readonly video: HTMLVideoElement;
}

const members = new Map<string, Member>();
const connections: Connection[] = [];
const memberOf = (address: string): Member => members.get(address) as Member;
const mediaOf = (address: string): RoomMedia => memberOf(address).media as RoomMedia;

async function join(address: string, name: string, admit: readonly string[], place: Place): Promise<void> {
  const messenger = await Messenger.open({ address, ...place, store: memoryStore() });
  await messenger.register();
  const room = await messenger.joinRoom(name, { admit });
  const heard: string[] = [];
  members.set(address, { messenger, room, heard, told: [] });
  void (async () => {
    for await (const { from, bytes } of room.frames()) heard.push(`${from}: ${new TextDecoder().decode(bytes)}`);
  })();
}

async function openMedia(address: string, kind?: 'stubborn'): Promise<void> {
  const worker =
    kind === 'stubborn'
      ? new Worker(new URL('./stubborn-worker.ts', import.meta.url), { type: 'module' })
      : new Worker(new URL('./media-worker.ts', import.meta.url), { type: 'module' });
  const member = memberOf(address);
  const media = await openRoomMedia(member.room, worker);
  media.on('heard', ({ address: from, receiver }) => member.told.push(`heard ${from}: ${receiver.track.kind}`));
  media.on('dropped', ({ reason }) => member.told.push(`dropped: ${reason}`));
  member.media = media;
}

/** A connection from one to the other, both ends in this page. */
async function connect(
  sending: (sender: RTCRtpSender) => void,
  receiving: (receiver: RTCRtpReceiver) => void,
  codec: string,
): Promise<number> {
  const [from, to] = [new RTCPeerConnection(), new RTCPeerConnection()];
  from.onicecandidate = ({ candidate }) => void to.addIceCandidate(candidate ?? undefined);
  to.onicecandidate = ({ candidate }) => void from.addIceCandidate(candidate ?? undefined);
  const played = new MediaStream();
  to.ontrack = ({ receiver, track }) => {
    receiving(receiver);
    played.addTrack(track);
  };
  const camera = await navigator.mediaDevices.getUserMedia({
    video: { width: 160, height: 120, frameRate: 15 },
    audio: true,
  });
  for (const track of camera.getTracks()) sending(from.addTrack(track, camera));
  const codecs = RTCRtpSender.getCapabilities('video')?.codecs.filter(({ mimeType }) => mimeType === codec) ?? [];
  for (const transceiver of from.getTransceivers()) {
    if (transceiver.sender.track?.kind === 'video') transceiver.setCodecPreferences(codecs);
  }
  await from.setLocalDescription();
  await to.setRemoteDescription(from.localDescription as RTCSessionDescription);
  await to.setLocalDescription();
  await from.setRemoteDescription(to.localDescription as RTCSessionDescription);
  return connections.push({ to, sent: show(camera), video: show(played) }) - 1;
}

function show(srcObject: MediaStream): HTMLVideoElement {
  const video = document.createElement('video');
  Object.assign(video, { autoplay: true, muted: true, srcObject });
  document.body.append(video);
  return video;
}

async function reception(number: number): Promise<Reception> {
  const { to, sent, video } = connections[number] as Connection;
  const streams = [...(await to.getStats()).values()].filter(({ type }) => type === 'inbound-rtp');
  const of = (kind: string, name: string): number => streams.find((stream) => stream.kind === kind)?.[name] ?? 0;
  return {
    bytes: of('video', 'bytesReceived') + of('audio', 'bytesReceived'),
    framesReceived: of('video', 'framesReceived'),
    framesDecoded: of('video', 'framesDecoded'),

    likeness: likeness(brightness(video), brightness(sent)),
  };
}

const caller: Caller = {
  join,
  openMedia,
  reception,
  ready: (address) => memberOf(address).room.members.filter((member) => member.ready).length,
  call: (from, to, { codec, playOnly }) =>
    connect(
      (sender) => mediaOf(from).send(sender),
      (receiver) => mediaOf(to).receive(receiver, playOnly === undefined ? {} : { from: playOnly }),
      codec,
    ),
  callStranger: (from, { codec }) =>
    connect(
      (sender) => mediaOf(from).send(sender),
      () => {},
      codec,
    ),
  say: (address, text) => memberOf(address).room.send(new TextEncoder().encode(text), { qos: 1 }),
  heard: (address) => memberOf(address).heard,
  forgetScriptTransform: () => void Reflect.deleteProperty(globalThis, 'RTCRtpScriptTransform'),
  told: (address) => memberOf(address).told,
  leave: (address) => memberOf(address).room.leave(),
};

offer(caller);
