import { undressFrame } from '../../protocol/room/media/media-form.js';
import type { MediaKind } from '../../protocol/room/media/media-kid.js';
import { type EncodedFrame, type EncodedStreams, pipeFrames } from './encoded-frames.js';
import type { MediaOutcome, MemberKeys } from './member-keys.js';
import type { DropReason, MediaSource, StreamOptions } from './messages.js';

/** How long a frame, and those behind it, wait for a key that is under way, in milliseconds. */
const KEY_PATIENCE = 500;

/** … and how long none waits after one has waited in vain: made-up keys must not stop a stream. */
const WAIT_PAUSE = 5_000;

/** Least time between two key frames that we ask a sender for, in milliseconds. */
const KEY_FRAME_PAUSE = 1_000;

/**
 * When a second key frame is asked for after the first, in milliseconds. Chromium forgets padding that overtakes the first frame
 * in a transform; it takes that for a loss, and without another key frame shows nothing for three seconds (H.264, AV1).
 */
const SETTLING = 300;

/** What a receiving stream needs of its session. */
export interface RevealParts {
  readonly keys: MemberKeys;
  /** The room is to find this key. */
  wanted(kid: bigint): void;
  /** Frames of this member are played from now on. */
  heard(from: MediaSource): void;
  dropped(reason: DropReason): void;
}

/** Decrypts what came from the network. Nothing else ever reaches the decoder. */
export function revealFrames(streams: EncodedStreams, { from }: StreamOptions, parts: RevealParts): void {
  const { keys, wanted, heard, dropped } = parts;
  let speaker: MediaSource | undefined;
  /** Pictures are missing: what builds on them does not decode. */
  let broken = false;
  let askedAt = Number.NEGATIVE_INFINITY;
  let waitsFrom = Number.NEGATIVE_INFINITY;
  let begun = false;

  async function open(sealed: Uint8Array, kind: MediaKind): Promise<MediaOutcome> {
    const outcome = await keys.open(sealed, kind, from);
    if (outcome.kind !== 'no-key' || outcome.kid === undefined) return outcome;
    wanted(outcome.kid);
    if (Date.now() < waitsFrom) return outcome;
    await keys.wait(outcome.kid, KEY_PATIENCE);
    const second = await keys.open(sealed, kind, from);
    if (second.kind === 'no-key') waitsFrom = Date.now() + WAIT_PAUSE;
    return second;
  }

  function requestKeyFrame(): void {
    if (!streams.sendKeyFrameRequest || Date.now() - askedAt < KEY_FRAME_PAUSE) return;
    askedAt = Date.now();
    streams.sendKeyFrameRequest().catch(() => {});
  }

  void pipeFrames(streams, async (frame: EncodedFrame) => {
    if (frame.data.byteLength === 0) return frame;
    const isVideo = frame.type !== undefined;
    const sealed = undressFrame(new Uint8Array(frame.data));
    const outcome = sealed ? await open(sealed, isVideo ? 'video' : 'audio') : { kind: 'malformed' as const };
    if (outcome.kind !== 'opened') {
      broken = isVideo;
      dropped(outcome.kind);
      return undefined;
    }
    if (frame.type === 'key') {
      broken = false;
      if (!begun) setTimeout(requestKeyFrame, SETTLING);
      begun = true;
    }
    if (broken) requestKeyFrame();
    if (speaker?.device !== outcome.from.device) {
      speaker = outcome.from;
      heard(speaker);
    }
    frame.data = outcome.frame;
    return frame;
  });
}
