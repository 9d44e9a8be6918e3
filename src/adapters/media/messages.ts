import type { MediaKind } from '../../protocol/room/media/media-kid.js';

/** What the page and its media worker tell each other. Keys are CryptoKeys that nobody can export. */

/** A key for media frames under one KID. */
export interface MediaKey {
  readonly kid: bigint;
  readonly key: CryptoKey;
  readonly salt: Uint8Array;
  /** What is authenticated with the frames. */
  readonly metadata: Readonly<Record<MediaKind, Uint8Array>>;
}

/** Who a frame is from. */
export interface MediaSource {
  readonly address: string;
  readonly device: string;
}

/** The `options` of an `RTCRtpScriptTransform`: whose it is, and what it is to do. */
export interface StreamOptions {
  /** A name of the room's session, random. */
  readonly sealmq: string;
  /** The page's number for the stream. */
  readonly stream: number;
  readonly direction: 'send' | 'receive';
  /** Only frames of this address are let through. */
  readonly from?: string;
  /** The codec, where the browser does not say. */
  readonly mimeType?: string;
}

/** The first message, to the worker itself; all others go through the port. */
export interface Introduction {
  readonly sealmq: string;
  readonly port: MessagePort;
}

export type ToWorker =
  | { readonly type: 'own-key'; readonly key: MediaKey }
  | { readonly type: 'hold' }
  | { readonly type: 'resume' }
  | { readonly type: 'member-key'; readonly from: MediaSource; readonly key: MediaKey; readonly guessed: boolean }
  | { readonly type: 'forget'; readonly device: string }
  | { readonly type: 'close' }
  /** A stream of a browser without `RTCRtpScriptTransform`. */
  | {
      readonly type: 'stream';
      readonly options: StreamOptions;
      readonly readable: ReadableStream;
      readonly writable: WritableStream;
    };

/** Why a media frame went no further. */
export type DropReason =
  /** No member has given us the key that it names. */
  | 'no-key'
  /** Its key was followed by another too long ago. */
  | 'old-key'
  | 'replayed'
  | 'not-authentic'
  | 'malformed'
  /** It is a member's, but not of the address that the stream is for. */
  | 'other-sender'
  /** Ours: nothing goes out before the key has changed, or after it was used up. */
  | 'held'
  /** Ours: this codec's packets cannot carry it. */
  | 'unsupported-codec';

export type FromWorker =
  | { readonly type: 'wanted'; readonly kid: bigint }
  | { readonly type: 'worn' }
  | { readonly type: 'key-frame'; readonly stream: number }
  | { readonly type: 'heard'; readonly stream: number; readonly from: MediaSource }
  | { readonly type: 'dropped'; readonly stream: number; readonly reason: DropReason; readonly frames: number };
