import { SealMQError } from '../../errors.js';
import { assertAddress } from '../../protocol/address.js';
import type { PresenceTiming } from '../../protocol/room/peer.js';
import {
  aByteArray,
  assertArgument,
  assertOptions,
  duration,
  lifetime,
  oneOf,
  type Rules,
  text,
} from '../arguments.js';
import { createPatience, LONGEST_TIMER } from '../patience.js';
import type { Admit } from './admission.js';
import type { MemberView, RoomEvents, RoomFrame } from './events.js';
import type { FrameQueue } from './frame-queue.js';
import type { MediaKeys, MediaSink } from './media/media-keys.js';
import type { RoomPort } from './port.js';
import type { FrameOptions } from './sending.js';
import type { RoomSession } from './session.js';

/** How long an invitation holds where nothing else is said, in seconds. */
const INVITATION_LIFE = 24 * 3600;

/** How long a broker may take to hear that we leave, in milliseconds. */
const FAREWELL = 5000;

const FRAME_RULES: Rules<FrameOptions> = { channel: text, qos: oneOf(0, 1) };

/** How a room is joined. */
export interface JoinOptions {
  /** Who may be in it, as far as we are concerned: nobody else gets our key. By default whoever is on the roster. */
  readonly admit?: Admit;
  /** Addresses that are expected, at most 1,024: see {@link Room.absent} and {@link Room.assembled}. Who is expected is no less checked. */
  readonly roster?: readonly string[];
  /** Whether to receive the frames of the others; default true. Off for one who only sends: a gateway. */
  readonly frames?: boolean;
  /**
   * Whether all frames are signed by the device that sends them, those that go out together once, and none taken without; default false. For members who do not
   * trust one another not to write in each other's name. All members must say the same.
   */
  readonly signatures?: boolean;
  /** When members count as absent; with the defaults for what is left out, each is less than the next. */
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
  readonly #left: Promise<void>;
  #leaving: Promise<void> | undefined;
  #tellLeft: () => void = () => {};

  /** Made by `Messenger.joinRoom`. */
  constructor(name: string, parts: RoomParts) {
    this.name = name;
    this.#parts = parts;
    this.#left = new Promise((resolve) => {
      this.#tellLeft = resolve;
    });
    this.on('left', () => this.#parts.session.isOut && this.#parts.queue.close());
  }

  /** The other members that we know, as they are now. */
  get members(): readonly MemberView[] {
    return this.#parts.session.view();
  }

  /** Addresses on the roster of which no device has exchanged keys with us. */
  get absent(): readonly string[] {
    return this.#parts.session.absent;
  }

  /**
   * Resolves when everybody on the roster is there: what is sent from then on reaches them all.
   *
   * @param timeout - milliseconds; for ever without it, and with more than 24 days
   * @throws `TRANSPORT_TIMEOUT` when somebody stays away for so long; `USAGE_CLOSED` when the room is left; `USAGE_INVALID_ARGUMENT`
   */
  async assembled({ timeout }: { timeout?: number } = {}): Promise<void> {
    this.#assertOpen();
    if (timeout !== undefined) assertArgument(timeout, duration, 'timeout');
    if (this.absent.length === 0) return;
    const stops: (() => void)[] = [];
    try {
      await new Promise<void>((resolve, reject) => {
        const out = () => reject(new SealMQError('USAGE_CLOSED', 'the room was left'));
        const self = this.#parts.port.self.device;
        void this.#left.then(out);
        stops.push(this.on('assembled', () => resolve()));
        stops.push(this.on('left', ({ device }) => device === self && out()));
        if (timeout === undefined || timeout > LONGEST_TIMER) return;
        const late = () => new SealMQError('TRANSPORT_TIMEOUT', `not in the room in time: ${this.absent.join(', ')}`);
        const timer = setTimeout(() => reject(late()), timeout);
        stops.push(() => clearTimeout(timer));
      });
    } finally {
      for (const stop of stops) stop();
    }
  }

  /**
   * Encrypts one frame for all members and publishes it, with what else is sent in this turn of the event loop: up to 16 KiB or
   * 256 frames of one quality of service are one message. Nothing is kept: what the transport cannot take is lost.
   *
   * @param bytes - at most 256 KiB; yours again when this returns
   * @throws `USAGE_CLOSED` when the room was left, or its creator has put us out; `USAGE_PAYLOAD_TOO_LARGE`, `USAGE_INVALID_ARGUMENT`;
   *   `TRANSPORT_CLOSED` while not connected
   */
  send(bytes: Uint8Array, options: FrameOptions = {}): Promise<void> {
    try {
      this.#assertOpen();
      assertArgument(bytes, aByteArray, 'a frame');
      assertOptions(options, FRAME_RULES, 'options');
      return this.#parts.session.send(bytes, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** The frames of the others, for one loop; ends with {@link leave}, and when the creator puts us out. @throws `USAGE_CONSUMER_EXISTS` */
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
    assertArgument(expiresIn, lifetime, 'expiresIn');
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

  /** For `openRoomMedia`. @throws `USAGE_CLOSED`, `USAGE_INVALID_ARGUMENT` @internal */
  async openMedia(sink: MediaSink): Promise<MediaKeys> {
    this.#assertOpen();
    return this.#parts.session.openMedia(sink);
  }

  /** Says farewell, so that the others change their keys, and ends {@link frames}. */
  leave(): Promise<void> {
    this.#leaving ??= this.#leave();
    return this.#leaving;
  }

  async #leave(): Promise<void> {
    this.#tellLeft();
    const patience = createPatience(FAREWELL);
    await patience.wait(this.#parts.session.end());
    this.#parts.queue.close();
    await patience.wait(this.#parts.release());
  }

  #assertOpen(): void {
    if (this.#leaving) throw new SealMQError('USAGE_CLOSED', 'the room was left');
    if (this.#parts.session.isOut) throw new SealMQError('USAGE_CLOSED', 'the creator of the room has put us out');
  }
}
