import { run } from '../../../crypto/steps.js';
import { type KeyRing, latestKey } from '../../../protocol/room/key-ring.js';
import {
  fitsMedia,
  type MediaKind,
  mediaFrameKey,
  mediaMetadata,
  pickMediaIndex,
  picksAgain,
  readMediaKid,
} from '../../../protocol/room/media/media-kid.js';
import { leadsTo, ratchetSenderKey, type SenderKey } from '../../../protocol/room/sender-key.js';
import { type TokenBucket, takeToken } from '../../../protocol/token-bucket.js';
import type { RoomContext } from '../context.js';
import type { RoomMember } from '../events.js';
import type { Member } from '../members.js';
import type { Sending } from '../sending.js';

/** How often a KID that the worker does not know is looked into: the SFU can make up as many as it likes. */
const WANTED = { burst: 8, perSecond: 4 };

/** How often a collision makes us take another index. One that remains does no harm: both keys are tried. */
const COLLISIONS = { burst: 3, perSecond: 0.1 };

/** What media of one member are encrypted with under one KID. */
export interface MediaSecret {
  readonly kid: bigint;
  /** 32 bytes, to be wiped by whoever takes it. */
  readonly key: Uint8Array;
  readonly salt: Uint8Array;
  readonly metadata: Readonly<Record<MediaKind, Uint8Array>>;
}

/** Where keys for media go. None of its methods waits; they take effect in the order of the calls. */
export interface MediaSink {
  /** Encrypt under this key from now on. */
  ownKey(key: MediaSecret): void;
  /** Somebody has left: let nothing out before as many {@link resume}. Overtakes what came before. */
  hold(): void;
  resume(): void;
  /** Open frames of this member. `guessed`: nobody but the frame that named it says that the key is in use. */
  memberKey(who: RoomMember, key: MediaSecret, guessed: boolean): void;
  /** Open nothing of this device any more. */
  forget(device: string): void;
  /** We are out of the room, or want no more media: let nothing through in either direction. */
  close(): void;
}

/** The keys of a room's members on their way to a media worker, for as long as it is open. */
export class MediaKeys {
  readonly #context: RoomContext;
  readonly #sending: Sending;
  readonly #sink: MediaSink;
  readonly #listening: readonly (() => void)[];
  #turn: Promise<void> = Promise.resolve();
  #handedKid: number | undefined;
  #wanted: TokenBucket | undefined;
  #collisions: TokenBucket | undefined;
  #closed = false;

  /** One at a time for a room. */
  constructor(context: RoomContext, sending: Sending, sink: MediaSink) {
    this.#context = context;
    this.#sending = sending;
    this.#sink = sink;
    this.#listening = [
      context.keys.on('learnt', (member) => this.#inTurn(() => this.#learnt(member))),
      context.events.on('rekeyed', () => this.#inTurn(() => this.#handOwn())),
      context.events.on('left', ({ device }) => this.#left(device)),
    ];
  }

  get isOpen(): boolean {
    return !this.#closed;
  }

  /** Announces an index of ours, and hands all keys to the sink. */
  async start(): Promise<void> {
    for (const member of this.#context.members.all()) this.#inTurn(() => this.#learnt(member));
    await this.#pick();
    await this.#inTurn(() => this.#handOwn());
  }

  /** The worker has met a KID that it has no key for: one that the member ratcheted to, or one that is under way. */
  wanted(mediaKid: bigint): void {
    const named = readMediaKid(mediaKid);
    const now = this.#context.port.now();
    const { bucket, wait } = takeToken(this.#wanted, WANTED, now);
    this.#wanted = bucket;
    if (!named || wait > 0) return;
    for (const member of this.#context.members.all()) {
      if (member.media !== named.index) continue;
      const known = keyBefore(member.ring, named.kid, now);
      if (known) this.#inTurn(() => this.#guess(member, known, named.kid - known.kid));
      else if (named.kid > Math.max(latestKey(member.ring)?.kid ?? -1, member.wanted?.kid ?? -1)) {
        member.wanted = { kid: named.kid, since: member.wanted?.since ?? now };
      }
    }
  }

  /** The worker has encrypted so much that the key should be replaced. */
  worn(): void {
    this.#inTurn(() => this.#sending.renew(true));
  }

  /** Hands out nothing any more, and takes back what it has. The next keys of ours have no index. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const stop of this.#listening) stop();
    void this.#sending.setMedia(undefined);
    this.#sink.close();
  }

  /** One thing after the other, so that a key that took its time does not overtake what came later. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn
      .then(() => (this.#closed ? undefined : work()))
      .catch((error) => this.#context.port.warn(error));
    return this.#turn;
  }

  async #pick(): Promise<void> {
    const { port, members } = this.#context;
    const taken = new Set([...members.all()].map(({ media }) => media ?? 0).concat(this.#sending.media ?? 0));
    await this.#sending.setMedia(pickMediaIndex(port.provider, taken));
  }

  async #handOwn(): Promise<void> {
    const { media, kid } = this.#sending;
    if (media === undefined || kid === this.#handedKid || this.#sending.rekeyDue || !fitsMedia(kid)) return;
    const key = await this.#secret(this.#context.port.self, media, this.#sending.useForMedia());
    // Whoever left meanwhile has this key.
    if (this.#sending.rekeyDue || this.#sending.kid !== kid || this.#closed) return;
    this.#handedKid = kid;
    this.#sink.ownKey(key);
  }

  async #learnt(member: Member): Promise<void> {
    const { port, members } = this.#context;
    const { peer, media } = member;
    const key = latestKey(member.ring);
    if (media === undefined || !key || !fitsMedia(key.kid)) return;
    const secret = await this.#secret(peer, media, key);
    if (members.get(peer.device) !== member || this.#closed) return;
    this.#sink.memberKey({ address: peer.address, device: peer.device }, secret, false);
    if (media !== this.#sending.media || !picksAgain(port.self.device, peer.device)) return;
    const { bucket, wait } = takeToken(this.#collisions, COLLISIONS, port.now());
    this.#collisions = bucket;
    if (wait === 0) await this.#pick();
  }

  /** A key that was ratcheted forward without a word, as the frames say. They also say whether that is true. */
  async #guess(member: Member, known: SenderKey, steps: number): Promise<void> {
    const { port, members } = this.#context;
    const key = await run(ratchetSenderKey(port.provider, known, steps));
    if (member.media === undefined || !fitsMedia(key.kid)) return;
    const secret = await this.#secret(member.peer, member.media, key);
    const { address, device } = member.peer;
    if (members.get(device) === member && !this.#closed) this.#sink.memberKey({ address, device }, secret, true);
  }

  #left(device: string): void {
    this.#sink.hold();
    this.#sink.forget(device);
    this.#inTurn(async () => {
      await this.#sending.rekeyIfDue();
      await this.#handOwn();
      // Should another have left meanwhile, a hold of its own stands.
      this.#sink.resume();
    });
  }

  async #secret({ address, device }: RoomMember, index: number, sender: SenderKey): Promise<MediaSecret> {
    const { room, port } = this.#context;
    const { kid, key, salt } = await run(mediaFrameKey(port.provider, index, sender));
    const metadata = (kind: MediaKind) => mediaMetadata({ room, kind, address, device });
    return { kid, key, salt, metadata: { audio: metadata('audio'), video: metadata('video') } };
  }
}

/** The last key of a ring that is `kid`, or from which one comes there. */
function keyBefore({ held }: KeyRing, kid: number, now: number): SenderKey | undefined {
  return held.findLast(({ key, expiresAt }) => leadsTo(key.kid, kid) && (expiresAt ?? now + 1) > now)?.key;
}
