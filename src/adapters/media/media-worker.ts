import { createDropReports } from './drop-reports.js';
import type { EncodedStreams, TransformEvent } from './encoded-frames.js';
import { MemberKeys } from './member-keys.js';
import type { FromWorker, Introduction, StreamOptions, ToWorker } from './messages.js';
import { OwnMediaKey } from './own-media-key.js';
import { type ProtectedStream, protectFrames } from './protect-frames.js';
import { revealFrames } from './reveal-frames.js';

type Handlers = { readonly [Type in ToWorker['type']]: (message: Extract<ToWorker, { type: Type }>) => void };

/** One room of a page, in the worker. */
class MediaSession {
  readonly #port: Promise<MessagePort>;
  readonly #keys = new MemberKeys(() => Date.now());
  readonly #own: OwnMediaKey;
  readonly #sending = new Set<ProtectedStream>();
  readonly #closed: () => void;
  /** Takes the way back to the page, which may be told of later than a stream. */
  readonly connect: (port: MessagePort) => void;

  /** @param closed - called when the page has given the session up */
  constructor(closed: () => void, maxFrames?: number) {
    this.#closed = closed;
    this.#own = new OwnMediaKey(() => this.#tell({ type: 'worn' }), maxFrames);
    let connect: (port: MessagePort) => void = () => {};
    this.#port = new Promise((resolve) => {
      connect = resolve;
    });
    this.connect = (port) => {
      port.onmessage = ({ data }: MessageEvent<ToWorker>) => this.#handlers[data.type](data as never);
      connect(port);
    };
  }

  begin(streams: EncodedStreams, options: StreamOptions): void {
    const { stream, direction } = options;
    const dropped = createDropReports((reason, frames) => this.#tell({ type: 'dropped', stream, reason, frames }));
    if (direction === 'send') {
      const askForKeyFrame = () => this.#tell({ type: 'key-frame', stream });
      const protectedStream = protectFrames(streams, options, { key: this.#own, askForKeyFrame, dropped });
      this.#sending.add(protectedStream);
      void protectedStream.ended.then(() => this.#sending.delete(protectedStream));
      return;
    }
    revealFrames(streams, options, {
      keys: this.#keys,
      wanted: (kid) => this.#tell({ type: 'wanted', kid }),
      heard: (from) => this.#tell({ type: 'heard', stream, from }),
      dropped,
    });
  }

  readonly #handlers: Handlers = {
    'own-key': ({ key }) => {
      if (this.#own.replace(key)) for (const stream of this.#sending) stream.keyChanged();
    },
    hold: () => this.#own.hold(),
    resume: () => this.#own.resume(),
    'member-key': ({ from, key, guessed }) => this.#keys.add(from, key, guessed),
    forget: ({ device }) => this.#keys.forget(device),
    stream: ({ readable, writable, options }) => this.begin({ readable, writable }, options),
    // Streams that are still there carry nothing any more, in neither direction.
    close: () => {
      this.#own.hold();
      this.#keys.clear();
      this.#closed();
    },
  };

  #tell(message: FromWorker): void {
    void this.#port.then((port) => port.postMessage(message));
  }
}

/** Where a worker hears of pages and transforms. */
interface WorkerScope {
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void;
  addEventListener(type: 'rtctransform', listener: (event: TransformEvent) => void): void;
}

/**
 * Makes this worker one that encrypts and decrypts media: call it first thing in the worker's script. Other messages and
 * transforms of yours are left alone.
 *
 * @param maxFrames - most frames under one key, an even number; default 2²⁴
 */
export function startMediaWorker(scope: WorkerScope = globalThis as unknown as WorkerScope, maxFrames?: number): void {
  const sessions = new Map<string, MediaSession>();
  const sessionOf = (name: string): MediaSession => {
    const session = sessions.get(name) ?? new MediaSession(() => sessions.delete(name), maxFrames);
    sessions.set(name, session);
    return session;
  };
  scope.addEventListener('message', ({ data }) => {
    if (isIntroduction(data)) sessionOf(data.sealmq).connect(data.port);
  });
  scope.addEventListener('rtctransform', ({ transformer }) => {
    const { options } = transformer;
    if (isStreamOptions(options)) sessionOf(options.sealmq).begin(transformer, options);
  });
}

function isIntroduction(value: unknown): value is Introduction {
  return hasName(value) && 'port' in value && value.port instanceof MessagePort;
}

function isStreamOptions(value: unknown): value is StreamOptions {
  return hasName(value) && 'stream' in value && 'direction' in value;
}

function hasName(value: unknown): value is { readonly sealmq: string } {
  return typeof value === 'object' && value !== null && 'sealmq' in value && typeof value.sealmq === 'string';
}
