import { concat } from '../../bytes/bytes.js';
import { type MediaKind, readMediaKid } from '../../protocol/room/media/media-kid.js';
import { KEY_BOUNDS } from '../../protocol/room/own-key.js';
import { nonce } from '../../protocol/room/sframe.js';
import { encodeSFrameHeader } from '../../protocol/room/sframe-header.js';
import type { MediaKey } from './messages.js';

/**
 * The key that all senders of a page encrypt under, with the one counter that they share. No nonce comes twice: a counter is
 * taken before anything can wait, and a key that is not above all that there were is not taken in.
 */
export class OwnMediaKey {
  readonly #worn: () => void;
  readonly #maxFrames: number;
  #current: { readonly key: MediaKey; readonly place: number } | undefined;
  #counter = 0;
  #holds = 0;

  /**
   * @param worn - called when another key should come: after half of the frames that one may be used for
   * @param maxFrames - as many, an even number; then nothing goes out before another key is there
   */
  constructor(worn: () => void, maxFrames = KEY_BOUNDS.maxFrames) {
    this.#worn = worn;
    this.#maxFrames = maxFrames;
  }

  /** Answers whether the key was taken. */
  replace(key: MediaKey): boolean {
    const place = readMediaKid(key.kid)?.kid ?? -1;
    if (place <= (this.#current?.place ?? -1)) return false;
    this.#current = { key, place };
    this.#counter = 0;
    return true;
  }

  /** Lets nothing out before as many {@link resume}. */
  hold(): void {
    this.#holds++;
  }

  resume(): void {
    this.#holds--;
  }

  /** An SFrame (RFC 9605 §4.4.3), or `undefined` while there is no key that may be used. */
  async seal(frame: Uint8Array, kind: MediaKind): Promise<Uint8Array | undefined> {
    if (!this.#current || this.#holds > 0 || this.#counter >= this.#maxFrames) return undefined;
    const { key } = this.#current;
    const ctr = BigInt(this.#counter++);
    if (this.#counter === this.#maxFrames / 2) this.#worn();
    const header = encodeSFrameHeader({ kid: key.kid, ctr });
    const additionalData = concat(header, key.metadata[kind]);
    const parameters = { name: 'AES-GCM', iv: nonce(key.salt, ctr), additionalData } as AesGcmParams;
    return concat(header, new Uint8Array(await crypto.subtle.encrypt(parameters, key.key, frame as BufferSource)));
  }
}
