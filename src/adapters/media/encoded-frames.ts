/** What WebRTC Encoded Transform hands to a worker (W3C), as far as it is used here. */

/** A frame between encoder and packetizer, or between depacketizer and decoder. */
export interface EncodedFrame {
  data: ArrayBuffer;
  /** Video only. */
  readonly type?: 'key' | 'delta' | 'empty';
  getMetadata?(): { readonly mimeType?: string };
}

/** The streams of one sender or receiver. */
export interface EncodedStreams {
  readonly readable: ReadableStream<EncodedFrame>;
  readonly writable: WritableStream<EncodedFrame>;
  /** Not in every browser: Chromium makes key frames on the page's word only. */
  generateKeyFrame?(): Promise<unknown>;
  sendKeyFrameRequest?(): Promise<unknown>;
}

/** The event of a worker in which a transform was made. */
export interface TransformEvent extends Event {
  readonly transformer: EncodedStreams & { readonly options: unknown };
}

/**
 * Lets each frame through `transform`, one after the other; a frame that it answers `undefined` for is dropped. Resolves when
 * the sender or receiver ends.
 */
export function pipeFrames(
  { readable, writable }: EncodedStreams,
  transform: (frame: EncodedFrame) => Promise<EncodedFrame | undefined>,
): Promise<void> {
  const stream = new TransformStream<EncodedFrame, EncodedFrame>({
    async transform(frame, controller) {
      const transformed = await transform(frame);
      if (transformed) controller.enqueue(transformed);
    },
  });
  // How it ends is nothing that anybody could act on.
  return readable
    .pipeThrough(stream)
    .pipeTo(writable)
    .catch(() => {});
}
