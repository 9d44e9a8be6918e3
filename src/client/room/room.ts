import { SealMQError } from '../../errors.js';
import { assertAddress } from '../../protocol/address.js';
import type { PresenceTiming } from '../../protocol/room/peer.js';
import type { Admit } from './admission.js';
import type { MemberView, RoomEvents, RoomFrame } from './events.js';
import type { FrameQueue } from './frame-queue.js';
import type { RoomPort } from './port.js';
import type { FrameOptions } from './sending.js';
import type { RoomSession } from './session.js';

/** How long an invitation holds where nothing else is said, in seconds. */
const INVITATION_LIFE = 24 * 3600;

/** How a room is joined. */
export interface JoinOptions {
  /** Who may be in it, as far as we are concerned: nobody else gets our key. */
  readonly admit: Admit;
  /** Whether to receive the frames of the others; default true. Off for one who only sends: a gateway. */
  readonly frames?: boolean;
  readonly timing?: Partial<PresenceTiming>;
}

/** What belongs to one room that was joined. */
export interface RoomParts {
  readonly session: RoomSession;
  readonly queue: FrameQueue;
  readonly port: RoomPort;
  /** Gives the topics back. */
  release(): Promise<void>;
}

/** A room that we are in: frames to all its members, under keys that change as they come and go. */
export class Room {
  readonly name: string;
  readonly #parts: RoomParts;
  #leaving: Promise<void> | undefined;

  /** Made by `Messenger.joinRoom`. */
  constructor(name: string, parts: RoomParts) {
    this.name = name;
    this.#parts = parts;
  }

  /** The other members that we know, as they are now. */
  get members(): readonly MemberView[] {
    return this.#parts.session.view();
  }

  /**
   * Encrypts one frame for all members and publishes it. Nothing is kept: what the transport cannot take is lost.
   *
   * @param bytes - at most 256 KiB
   * @throws `USAGE_CLOSED`, `USAGE_PAYLOAD_TOO_LARGE`, `USAGE_INVALID_ARGUMENT`; `TRANSPORT_CLOSED` while not connected
   */
  async send(bytes: Uint8Array, options: FrameOptions = {}): Promise<void> {
    this.#assertOpen();
    return this.#parts.session.send(bytes, options);
  }

  /** The frames of the others, for one loop; ends with {@link leave}. @throws `USAGE_CONSUMER_EXISTS` */
  frames(): AsyncIterableIterator<RoomFrame> {
    return this.#parts.queue.frames();
  }

  /** Listens. @returns a function that stops listening */
  on<Name extends keyof RoomEvents>(name: Name, listener: (event: RoomEvents[Name]) => void): () => void {
    return this.#parts.session.events.on(name, listener);
  }

  /**
   * Our word, as the creator of the room, that `address` may join: for its `joinRoom(…, { admit: { creator, invitation } })`.
   *
   * @param expiresIn - seconds; default one day
   * @throws `USAGE_INVALID_ADDRESS`
   */
  async invite(address: string, { expiresIn = INVITATION_LIFE }: { expiresIn?: number } = {}): Promise<Uint8Array> {
    const { port } = this.#parts;
    const issuedAt = Math.floor(port.now() / 1000);
    return port.sign({
      ...{ kind: 'invite', room: this.name, ...port.self, issuedAt, nonce: port.provider.randomBytes(16) },
      ...{ subject: assertAddress(address), expiresAt: issuedAt + Math.ceil(expiresIn) },
    });
  }

  /** Puts an address out: it gets none of our next keys, and, if we are the creator, none of anybody's. @throws as {@link send} */
  async expel(address: string): Promise<void> {
    this.#assertOpen();
    await this.#parts.session.expel(assertAddress(address));
  }

  /** Says farewell, so that the others change their keys, and ends {@link frames}. */
  leave(): Promise<void> {
    this.#leaving ??= this.#leave();
    return this.#leaving;
  }

  async #leave(): Promise<void> {
    await this.#parts.session.end();
    this.#parts.queue.close();
    await this.#parts.release();
  }

  #assertOpen(): void {
    if (this.#leaving) throw new SealMQError('USAGE_CLOSED', 'the room was left');
  }
}
