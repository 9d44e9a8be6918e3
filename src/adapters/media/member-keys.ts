import { concat } from '../../bytes/bytes.js';
import { isSealMQError } from '../../errors.js';
import { emptyWindow, type ReplayWindow, seeCounter } from '../../protocol/replay-window.js';
import { OLD_KEY_LIFE } from '../../protocol/room/key-ring.js';
import { type MediaKind, readMediaKid } from '../../protocol/room/media/media-kid.js';
import { nonce } from '../../protocol/room/sframe.js';
import { decodeSFrameHeader } from '../../protocol/room/sframe-header.js';
import type { DropReason, MediaKey, MediaSource } from './messages.js';

/** Most keys kept of one device. */
const MAX_KEYS = 8;

/** Most members with the same index whose keys are tried. */
const MAX_TRIALS = 4;

/** A key of one member, and which frames under it were seen. */
interface HeldKey extends MediaKey {
  readonly from: MediaSource;
  /** Only a frame can show that it is in use. */
  guessed: boolean;
  window: ReplayWindow;
  /** Milliseconds; opens nothing from then on. */
  expiresAt: number;
}

/** What came of an SFrame. */
export type MediaOutcome =
  | { readonly kind: 'opened'; readonly frame: ArrayBuffer; readonly from: MediaSource }
  | { readonly kind: DropReason; readonly kid?: bigint };

/** The keys of the members, for all receivers of a page: a frame opens once, wherever it is played. */
export class MemberKeys {
  readonly #now: () => number;
  readonly #held = new Map<string, readonly HeldKey[]>();
  readonly #byKid = new Map<bigint, readonly HeldKey[]>();
  readonly #waiting = new Map<bigint, Set<() => void>>();

  /** @param now - milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** A key that is there already stays as it is, with what was seen under it. */
  add(from: MediaSource, key: MediaKey, guessed: boolean): void {
    const held = this.#held.get(from.device) ?? [];
    const known = held.find(({ kid }) => kid === key.kid);
    if (known && !guessed) this.#confirm(known, held);
    if (known) return;
    const added: HeldKey = { ...key, from, guessed, window: emptyWindow, expiresAt: Number.POSITIVE_INFINITY };
    // One guess at a time: whoever makes frames up must not push out keys that are in use.
    const kept = held.filter((one) => !(guessed && one.guessed) && one.expiresAt > this.#now());
    this.#keep(from.device, [...kept, added].slice(-MAX_KEYS));
    if (!guessed) this.#confirm(added, kept);
    for (const wake of this.#waiting.get(key.kid) ?? []) wake();
  }

  forget(device: string): void {
    this.#keep(device, []);
  }

  clear(): void {
    this.#held.clear();
    this.#byKid.clear();
  }

  /** Opens an SFrame (RFC 9605 §4.4.4) of one kind, of anybody's or of one address. */
  async open(sealed: Uint8Array, kind: MediaKind, address?: string): Promise<MediaOutcome> {
    const header = readHeader(sealed);
    if (!header) return { kind: 'malformed' };
    const { kid, ctr, length } = header;
    const found = this.#find(kid, address);
    if (typeof found === 'string') return { kind: found, kid };
    const [aad, ciphertext] = [sealed.subarray(0, length), sealed.subarray(length)];
    let refusal: DropReason = 'not-authentic';
    for (const key of found) {
      if (!seeCounter(key.window, ctr)) {
        refusal = 'replayed';
        continue;
      }
      const frame = await decrypt(key, nonce(key.salt, BigInt(ctr)), concat(aad, key.metadata[kind]), ciphertext);
      if (!frame) continue;
      // Looked at once more: the same frame may have come to two receivers at once.
      const window = seeCounter(key.window, ctr);
      if (!window) return { kind: 'replayed', kid };
      key.window = window;
      if (key.guessed) this.#confirm(key, this.#held.get(key.from.device) ?? []);
      return { kind: 'opened', frame, from: key.from };
    }
    return { kind: refusal, kid };
  }

  /** Resolves when a key for `kid` has come, or after `patience` milliseconds. */
  async wait(kid: bigint, patience: number): Promise<void> {
    const waiting = this.#waiting.get(kid) ?? new Set();
    this.#waiting.set(kid, waiting);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, patience);
      function done(): void {
        clearTimeout(timer);
        waiting.delete(done);
        resolve();
      }
      waiting.add(done);
    });
    if (waiting.size === 0) this.#waiting.delete(kid);
  }

  #find(kid: bigint, address: string | undefined): readonly HeldKey[] | DropReason {
    const all = this.#byKid.get(kid) ?? [];
    const live = all.filter(({ expiresAt }) => expiresAt > this.#now());
    if (live.length === 0) return all.length > 0 ? 'old-key' : 'no-key';
    const wanted = live.filter(({ from }) => address === undefined || from.address === address);
    return wanted.length > 0 ? wanted.slice(0, MAX_TRIALS) : 'other-sender';
  }

  /** These are the keys of a device from now on. */
  #keep(device: string, keys: readonly HeldKey[]): void {
    for (const { kid } of this.#held.get(device) ?? []) {
      const others = (this.#byKid.get(kid) ?? []).filter(({ from }) => from.device !== device);
      if (others.length > 0) this.#byKid.set(kid, others);
      else this.#byKid.delete(kid);
    }
    for (const key of keys) this.#byKid.set(key.kid, [...(this.#byKid.get(key.kid) ?? []), key]);
    if (keys.length > 0) this.#held.set(device, keys);
    else this.#held.delete(device);
  }

  /** The key is its member's: those before it open what is in flight, and then no more. */
  #confirm(key: HeldKey, held: readonly HeldKey[]): void {
    key.guessed = false;
    for (const older of held) {
      if (place(older) < place(key)) older.expiresAt = Math.min(older.expiresAt, this.#now() + OLD_KEY_LIFE);
    }
  }
}

/** Where a key stands among those of its member, whatever index it has. */
function place({ kid }: MediaKey): number {
  return readMediaKid(kid)?.kid ?? -1;
}

function readHeader(sealed: Uint8Array): { kid: bigint; ctr: number; length: number } | undefined {
  try {
    const { kid, ctr, length } = decodeSFrameHeader(sealed);
    return Number.isSafeInteger(Number(ctr)) ? { kid, ctr: Number(ctr), length } : undefined;
  } catch (error) {
    if (isSealMQError(error)) return undefined;
    throw error;
  }
}

async function decrypt(
  { key }: MediaKey,
  iv: Uint8Array,
  additionalData: Uint8Array,
  ciphertext: Uint8Array,
): Promise<ArrayBuffer | undefined> {
  const parameters = { name: 'AES-GCM', iv, additionalData } as AesGcmParams;
  // Rejects for one reason only: the tag does not fit.
  return crypto.subtle.decrypt(parameters, key, ciphertext as BufferSource).catch(() => undefined);
}
