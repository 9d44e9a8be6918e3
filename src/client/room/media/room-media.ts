import type {
  DropReason,
  FromWorker,
  Introduction,
  StreamOptions,
  ToWorker,
} from '../../../adapters/media/messages.js';
import { SealMQError } from '../../../errors.js';
import { createEvents, type Events } from '../../events.js';
import type { RoomMember } from '../events.js';
import type { Room } from '../room.js';
import type { MediaKeys } from './media-keys.js';
import { workerSink } from './worker-sink.js';

/** Frames of media that went no further; told at most once a second for each reason and stream. */
export interface DroppedMedia {
  readonly on: RTCRtpSender | RTCRtpReceiver;
  readonly reason: DropReason;
  /** How many since the last time. */
  readonly frames: number;
}

/** What media of a room tell. */
export interface RoomMediaEvents {
  /** From now on this receiver plays frames of this member: their keys say so, not the SFU. */
  heard: RoomMember & { readonly receiver: RTCRtpReceiver };
  dropped: DroppedMedia;
}

type Handlers = { readonly [Type in FromWorker['type']]: (message: Extract<FromWorker, { type: Type }>) => void };

/** The streams API of Chromium before `RTCRtpScriptTransform`. */
interface WithEncodedStreams {
  createEncodedStreams?(): { readonly readable: ReadableStream; readonly writable: WritableStream };
}

/** How a sender's frames are encrypted. */
export interface SendMediaOptions {
  /** The codec, for browsers whose frames do not tell it. */
  readonly mimeType?: string;
}

/** Whose frames a receiver plays. */
export interface ReceiveMediaOptions {
  /** Address of the member that it is for. An SFU that puts somebody else there is not played. */
  readonly from?: string;
}

/** The media of a room: what the senders of a page's peer connections encrypt, and its receivers decrypt. */
export class RoomMedia {
  readonly #keys: MediaKeys;
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #name: string;
  readonly #streams: (RTCRtpSender | RTCRtpReceiver)[] = [];
  readonly #events: Events<RoomMediaEvents> = createEvents();

  /** Made by {@link openRoomMedia}. */
  constructor(keys: MediaKeys, way: { readonly worker: Worker; readonly port: MessagePort; readonly name: string }) {
    this.#keys = keys;
    this.#worker = way.worker;
    this.#port = way.port;
    this.#name = way.name;
    this.#port.onmessage = ({ data }: MessageEvent<FromWorker>) => this.#handlers[data.type](data as never);
  }

  /**
   * Encrypts what this sender sends, audio or video. Call it as soon as there is a sender, before the connection is: what went
   * out before went out in clear.
   *
   * @throws `USAGE_SUITE_UNAVAILABLE` where the browser has no encoded transform; `USAGE_CLOSED`
   */
  send(sender: RTCRtpSender, { mimeType }: SendMediaOptions = {}): void {
    this.#attach(sender, { direction: 'send', ...(mimeType !== undefined && { mimeType }) });
  }

  /** Decrypts what this receiver receives: nothing else is played. Call it in the `track` event. @throws as {@link send} */
  receive(receiver: RTCRtpReceiver, { from }: ReceiveMediaOptions = {}): void {
    this.#attach(receiver, { direction: 'receive', ...(from !== undefined && { from }) });
  }

  /** Listens. @returns a function that stops listening */
  on<Name extends keyof RoomMediaEvents>(name: Name, listener: (event: RoomMediaEvents[Name]) => void): () => void {
    return this.#events.on(name, listener);
  }

  /** Lets no frame through any more, in either direction. Leaving the room does the same. */
  close(): void {
    this.#keys.close();
  }

  #attach(of: RTCRtpSender | RTCRtpReceiver, what: Pick<StreamOptions, 'direction' | 'from' | 'mimeType'>): void {
    if (!this.#keys.isOpen) throw new SealMQError('USAGE_CLOSED', 'the media were closed');
    const options: StreamOptions = { sealmq: this.#name, stream: this.#streams.push(of) - 1, ...what };
    if (typeof RTCRtpScriptTransform === 'function') {
      of.transform = new RTCRtpScriptTransform(this.#worker, options);
      return;
    }
    const streams = (of as WithEncodedStreams).createEncodedStreams?.();
    if (!streams) throw new SealMQError('USAGE_SUITE_UNAVAILABLE', 'this browser has no WebRTC encoded transform');
    const message: ToWorker = { type: 'stream', options, ...streams };
    this.#port.postMessage(message, [streams.readable, streams.writable] as unknown as Transferable[]);
  }

  readonly #handlers: Handlers = {
    wanted: ({ kid }) => this.#keys.wanted(kid),
    worn: () => this.#keys.worn(),
    'key-frame': ({ stream }) => makeKeyFrame(this.#streams[stream] as RTCRtpSender),
    heard: ({ stream, from }) =>
      this.#events.emit('heard', { ...from, receiver: this.#streams[stream] as RTCRtpReceiver }),
    dropped: ({ stream, reason, frames }) =>
      this.#events.emit('dropped', { on: this.#streams[stream] as RTCRtpSender, reason, frames }),
  };
}

/**
 * Opens a room's media: announces a member index, and hands the keys of all members to `worker`, whose script has called
 * `startMediaWorker`. Resolves when the others have been told, as far as they can be reached. One at a time for a room.
 *
 * @throws `USAGE_SUITE_UNAVAILABLE` on a page without Web Crypto; `USAGE_CLOSED`, `USAGE_INVALID_ARGUMENT`
 */
export async function openRoomMedia(room: Room, worker: Worker): Promise<RoomMedia> {
  if (!globalThis.crypto?.subtle) throw new SealMQError('USAGE_SUITE_UNAVAILABLE', 'media need a secure page');
  const name = crypto.randomUUID();
  const { port1: port, port2 } = new MessageChannel();
  const introduction: Introduction = { sealmq: name, port: port2 };
  const keys = await room.openMedia(workerSink((message) => port.postMessage(message)));
  worker.postMessage(introduction, [port2]);
  return new RoomMedia(keys, { worker, port, name });
}

/** Where the worker cannot make its encoder begin anew, the page can. */
function makeKeyFrame(sender: RTCRtpSender): void {
  const parameters = sender.getParameters();
  const encodingOptions = parameters.encodings.map(() => ({ keyFrame: true }));
  const set = sender.setParameters as (
    this: RTCRtpSender,
    parameters: RTCRtpSendParameters,
    options: { readonly encodingOptions: readonly { readonly keyFrame: boolean }[] },
  ) => Promise<void>;
  // A sender that has been stopped needs none.
  set.call(sender, parameters, { encodingOptions }).catch(() => {});
}
