import { dressFrame } from '../../protocol/room/media/media-form.js';
import { type EncodedFrame, type EncodedStreams, pipeFrames } from './encoded-frames.js';
import type { DropReason, StreamOptions } from './messages.js';
import type { OwnMediaKey } from './own-media-key.js';

/** Least time between two key frames that we ask our encoder for, in milliseconds. */
const KEY_FRAME_PAUSE = 1_000;

/** What a sending stream needs of its session. */
export interface ProtectParts {
  readonly key: OwnMediaKey;
  /** The page is to have a key frame made. */
  askForKeyFrame(stream: number): void;
  dropped(reason: DropReason): void;
}

/** A stream of frames on their way out. */
export interface ProtectedStream {
  /** Another key is in use: the pictures start anew with it. */
  keyChanged(): void;
  /** Resolves when the sender is gone. */
  readonly ended: Promise<void>;
}

/** Encrypts what an encoder makes. What cannot be encrypted now goes nowhere: never anything in clear. */
export function protectFrames(
  streams: EncodedStreams,
  { stream, mimeType }: StreamOptions,
  { key, askForKeyFrame, dropped }: ProtectParts,
): ProtectedStream {
  let isVideo = false;
  /** Pictures are missing: what builds on them must not go out. */
  let broken = false;
  let askedAt = Number.NEGATIVE_INFINITY;

  function requestKeyFrame(): void {
    if (!isVideo || Date.now() - askedAt < KEY_FRAME_PAUSE) return;
    askedAt = Date.now();
    if (streams.generateKeyFrame) streams.generateKeyFrame().catch(() => {});
    else askForKeyFrame(stream);
  }

  function drop(reason: DropReason): undefined {
    broken = isVideo;
    dropped(reason);
  }

  const ended = pipeFrames(streams, async (frame: EncodedFrame) => {
    if (frame.data.byteLength === 0) return frame;
    isVideo = frame.type !== undefined;
    if (broken && frame.type !== 'key') {
      requestKeyFrame();
      return drop('held');
    }
    const original = new Uint8Array(frame.data);
    const sealed = await key.seal(original, isVideo ? 'video' : 'audio');
    if (!sealed) return drop('held');
    const dressed = dressFrame(sealed, original, {
      kind: isVideo ? 'video' : 'audio',
      mimeType: frame.getMetadata?.().mimeType ?? mimeType ?? '',
      isKey: frame.type === 'key',
    });
    if (!dressed) return drop('unsupported-codec');
    broken = false;
    frame.data = exactBuffer(dressed);
    return frame;
  });

  return { keyChanged: requestKeyFrame, ended };
}

function exactBuffer(bytes: Uint8Array): ArrayBuffer {
  return bytes.slice().buffer as ArrayBuffer;
}
