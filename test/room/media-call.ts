import { onTestFinished } from 'vitest';
import type { EncodedFrame } from '../../src/adapters/media/encoded-frames.js';
import { openRoomMedia, type RoomMedia, startMediaWorker } from '../../src/client/room/media/index.js';
import type { Room } from '../../src/client/room/room.js';

/** An end of a stream as browsers before `RTCRtpScriptTransform` have it: what goes in, and what has come out. */
export interface StreamEnd {
  readonly end: RTCRtpSender & RTCRtpReceiver;
  readonly out: EncodedFrame[];
  put(...frames: EncodedFrame[]): void;
}

export function streamEnd(): StreamEnd {
  const out: EncodedFrame[] = [];
  let controller: ReadableStreamDefaultController<EncodedFrame>;
  const readable = new ReadableStream<EncodedFrame>({
    start(given) {
      controller = given;
    },
  });
  const writable = new WritableStream<EncodedFrame>({ write: (frame) => void out.push(frame) });
  const end = {
    createEncodedStreams: () => ({ readable, writable }),
    getParameters: () => ({ encodings: [] }),
    setParameters: async () => {},
  };
  return {
    end: end as unknown as RTCRtpSender & RTCRtpReceiver,
    out,
    put: (...frames) => {
      for (const frame of frames) controller.enqueue(structuredClone(frame));
    },
  };
}

/** Media of a room with the worker's code in this thread. */
export async function openMedia(room: Room, maxFrames?: number): Promise<RoomMedia> {
  const scope = new EventTarget();
  startMediaWorker(scope as never, maxFrames);
  const ports: MessagePort[] = [];
  const worker = {
    postMessage(data: { port: MessagePort }) {
      ports.push(data.port);
      scope.dispatchEvent(new MessageEvent('message', { data }));
    },
  };
  const media = await openRoomMedia(room, worker as unknown as Worker);
  onTestFinished(() => {
    media.close();
    for (const port of ports) port.close();
  });
  return media;
}

/** A frame of VP8 with this number in it. */
export function picture(number: number, type: 'key' | 'delta' = 'delta'): EncodedFrame {
  const bytes = new Uint8Array(64).fill(number, 10);
  bytes[0] = type === 'key' ? 0x30 : 0x31;
  return { type, data: bytes.buffer };
}

/** A frame of sound with this number in it. */
export function sound(number: number): EncodedFrame {
  return { data: new Uint8Array(20).fill(number).buffer };
}

/** The numbers of frames. */
export const numbersOf = (frames: readonly EncodedFrame[]) => frames.map(({ data }) => new Uint8Array(data).at(-1));
