/**
 * The forwarding part of the SFU. It takes encoded frames as they come from Alice, shows them to its own decoder, and puts the
 * same bytes onto its connection to Bob. It has no key. Nothing here is SealMQ's.
 *
 * Browsers have no way to send a frame that came from elsewhere, so each takes the place of one that the SFU's own encoder has
 * just made.
 */

interface Frame {
  data: ArrayBuffer;
  readonly type: 'key' | 'delta';
}

interface Transformer {
  readonly readable: ReadableStream<Frame>;
  readonly writable: WritableStream<Frame>;
  readonly options: 'from Alice' | 'to Bob';
  sendKeyFrameRequest(): Promise<void>;
}

/** More than this, and the SFU is too slow: it starts again at the next key frame. */
const MAX_WAITING = 30;

const waiting: ArrayBuffer[] = [];
const counts = { frames: 0, bytes: 0 };
let fromAlice: Transformer | undefined;

async function eachFrame({ readable, writable }: Transformer, handle: (frame: Frame) => boolean): Promise<void> {
  const transform = new TransformStream<Frame, Frame>({
    transform(frame, controller) {
      if (handle(frame)) controller.enqueue(frame);
    },
  });
  await readable.pipeThrough(transform).pipeTo(writable);
}

function receive(frame: Frame): boolean {
  if (waiting.length >= MAX_WAITING) waiting.length = 0;
  waiting.push(frame.data.slice(0));
  return true;
}

function forward(carrier: Frame): boolean {
  // Bob asks for a key frame: our encoder made one, but it is Alice's that he needs.
  if (carrier.type === 'key') void fromAlice?.sendKeyFrameRequest();
  const data = waiting.shift();
  if (!data) return false;
  carrier.data = data;
  counts.frames++;
  counts.bytes += data.byteLength;
  postMessage(counts);
  return true;
}

addEventListener('rtctransform', (event) => {
  const { transformer } = event as unknown as { transformer: Transformer };
  if (transformer.options === 'to Bob') return void eachFrame(transformer, forward);
  fromAlice = transformer;
  void eachFrame(transformer, receive);
});
