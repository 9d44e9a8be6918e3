import { DEFAULT_SUITE, type SuiteName } from '../crypto/suites.js';
import { SealMQError } from '../errors.js';
import type { KeyRecord } from '../protocol/identity/index.js';
import { decodeWakeNote } from '../protocol/relay/index.js';
import type { AnonymousOptions } from './anonymous-account.js';
import { aFunction, anObject, aSignal, assertArgument, assertOptions, duration, given } from './arguments.js';
import { assemble } from './assemble.js';
import { awaitLink, type DeviceLinking } from './await-link.js';
import type { Call } from './call/call.js';
import type { Parts } from './connect.js';
import type { Contacts } from './contacts.js';
import { seconds } from './context.js';
import type { MessageHandler } from './delivery.js';
import type { Devices } from './devices.js';
import type { FailedMessages } from './failed-messages.js';
import { exportIdentity } from './identity-file.js';
import type { Message, Payload } from './message.js';
import type { MessengerEvents } from './messenger-events.js';
import type { LinkDeviceOptions, MessengerOptions } from './options.js';
import { type CardOptions, type OwnCard, ownCard } from './own-card.js';
import type { SetStateOptions, StateSet } from './own-states.js';
import type { RegisterOptions, Registration } from './registration.js';
import type { PushSubscriptionLike } from './relay/push-desk.js';
import { type Answer, type RequestOptions, request, responder } from './request.js';
import type { JoinOptions, Room } from './room/room.js';
import { type SendOptions, type Sent, send } from './send.js';
import { type SentToSeveral, sendSeveral } from './send-several.js';
import { presentStates, type StateFilter } from './settle-state.js';
import { type MessengerStatus, measure } from './status.js';

/** How long `close` waits for what is in flight, in milliseconds. */
const CLOSE_PATIENCE = 5000;

/**
 * Sends and receives sealed messages for one address on one device. What it holds lies in its store: messages, keys and
 * counters survive crashes and restarts.
 */
export class Messenger {
  readonly #parts: Parts;
  #closing: Promise<void> | undefined;

  private constructor(parts: Parts) {
    this.#parts = parts;
    // Whoever opened it has a turn to listen before it is told what happened meanwhile.
    setTimeout(() => parts.context.events.release());
  }

  /**
   * Opens the account in the store (or makes a new one), and connects.
   *
   * @throws `USAGE_INVALID_ADDRESS`, `USAGE_INVALID_ARGUMENT`, `USAGE_CLIENT_CONNECTED`; `STATE_LOCKED`, `STATE_CORRUPT`,
   *   `STATE_WRONG_PASSPHRASE`, `STATE_NEWER_SCHEMA`, `STATE_UNAVAILABLE`; `TRANSPORT_REFUSED`, `TRANSPORT_TIMEOUT`
   */
  static async open(options: MessengerOptions | AnonymousOptions): Promise<Messenger> {
    return new Messenger(await assemble(options));
  }

  /**
   * Makes this a device of an account that exists, without its identity key: shows a link, which the device that holds the key
   * answers with `devices.link`.
   *
   * @throws `DIRECTORY_NOT_FOUND`; `USAGE_INVALID_ARGUMENT` when the store holds a device already; otherwise as {@link open}
   */
  static async link(options: LinkDeviceOptions): Promise<DeviceLinking<Messenger>> {
    return awaitLink(await assemble(options, true), options.deviceName, (parts) => new Messenger(parts));
  }

  get address(): string {
    return this.#account.address;
  }

  /** Our own key record. */
  get record(): KeyRecord {
    return this.#account.record;
  }

  /** Whom we know: verified keys, keys that wait for a decision, blocks. */
  get contacts(): Contacts {
    this.#assertOpen();
    return this.#parts.contacts;
  }

  /**
   * Our contact card: address and identity key, to be handed over directly, as a link or QR code. It is public. Somebody with an
   * anonymous address can be reached by card alone.
   *
   * @throws `STATE_NOT_REGISTERED` when our record does not name this device; `USAGE_INVALID_ARGUMENT`
   */
  contactCard(options: CardOptions = {}): Promise<OwnCard> {
    this.#assertOpen();
    return ownCard(this.#context, options);
  }

  /** Our entry's id in the record. */
  get deviceId(): string {
    return this.#account.device.id;
  }

  /**
   * Publishes our key record, so that others can write to us and verify us. Repeating it is harmless.
   *
   * Where the directory registers people by a code, the first time needs `email` or `phone`, and `code` that asks for what was sent
   * there. What comes of it is {@link registration}, which is renewed by itself.
   *
   * @throws `DIRECTORY_CONFLICT` when the address belongs to somebody else, `DIRECTORY_REFUSED`, `DIRECTORY_UNREACHABLE`; with a
   *   code also `DIRECTORY_CODE_SPENT`, `DIRECTORY_RATE_LIMITED`, and `USAGE_INVALID_ARGUMENT` for what is no mailbox or number
   */
  async register(options?: RegisterOptions): Promise<void> {
    this.#assertOpen();
    if (options) await this.#context.registration.register(options);
    await this.#account.register(this.#context.keys, seconds(this.#context));
    await this.#parts.registered();
    this.#parts.announcements.changed();
  }

  /** The directory's word that our address is registered, where it registers people by a code. */
  get registration(): Registration | undefined {
    return this.#context.registration.current;
  }

  /**
   * Seals a message to every device of `to` and puts it into the outbox; it is on its way when `published` resolves.
   *
   * @param payload - a string goes as text, a `Uint8Array` as bytes, any other value as JSON; at most 1 MiB; yours again when this returns
   * Several receivers get one and the same message, which is handed in once at the relay. `via: 'relay'` does so for one.
   *
   * @throws `STATE_NOT_REGISTERED` before {@link register}; otherwise as the functions `send` and `sendSeveral`
   */
  async send(to: string, payload: Payload, options?: SendOptions): Promise<Sent>;
  async send(to: readonly string[], payload: Payload, options?: SendOptions): Promise<SentToSeveral>;
  async send(
    to: string | readonly string[],
    payload: Payload,
    options: SendOptions = {},
  ): Promise<Sent | SentToSeveral> {
    this.#assertOpen();
    assertArgument(options, anObject, 'options');
    if (isList(to)) return sendSeveral(this.#context, this.#parts, to, payload, options);
    return this.#sendToOne(to, payload, options);
  }

  async #sendToOne(to: string, payload: Payload, options: SendOptions, signal?: AbortSignal): Promise<Sent> {
    this.#assertOpen();
    const via = options.via ?? this.#context.via;
    if (via === 'direct' || to === this.address) return send(this.#context, this.#parts, to, payload, options, signal);
    const { each } = await sendSeveral(this.#context, this.#parts, [to], payload, options, signal);
    return each[0] as Sent;
  }

  /**
   * Sends a message and waits for the answer that `to` gives with {@link respond}.
   *
   * @param timeout - milliseconds, 24 days at most; default 30,000. The request is not read any more after it either
   * @throws `TRANSPORT_TIMEOUT` when no answer came in time; otherwise as {@link send}
   */
  async request(to: string, payload: Payload, options: RequestOptions = {}): Promise<Message> {
    return request(this.#parts.requests, (...what) => this.#sendToOne(...what), to, payload, options);
  }

  /**
   * Answers messages: what `handler` answers goes back to the sender, `undefined` answers nothing, and a will is not answered.
   * It is the one consumer of messages, under the rules of {@link on}.
   *
   * @returns a function that stops answering
   * @throws `USAGE_CONSUMER_EXISTS`
   */
  respond(handler: (message: Message) => Answer | Promise<Answer>): () => void {
    return this.on(
      'message',
      responder((...what) => this.#sendToOne(...what), handler),
    );
  }

  /**
   * Sets the state of a channel for `to`: the broker retains it, sealed, so that every device of theirs has it when it comes, now
   * or later. A newer one takes its place. A device that they add is given it as soon as we learn of it.
   *
   * @param channel - the application's own name for what it is the state of, such as `presence`; 1 to 256 characters
   * @param payload - as for {@link send}
   * @throws `STATE_NOT_REGISTERED`, `STATE_FULL` beyond 1,000 receivers and channels; otherwise as {@link send}
   */
  async setState(channel: string, payload: Payload, options: SetStateOptions): Promise<StateSet> {
    this.#assertOpen();
    // Without a payload it would be cleared.
    assertArgument(payload, given, 'a payload');
    return this.#parts.ownStates.set(channel, payload, options);
  }

  /** Takes the state of a channel back. */
  async clearState(channel: string, options: Pick<SetStateOptions, 'to'>): Promise<StateSet> {
    this.#assertOpen();
    return this.#parts.ownStates.set(channel, undefined, options);
  }

  /** The states that others have set for us and that hold now; `state` and `stateCleared` tell of changes. */
  async states(filter: StateFilter = {}): Promise<Message[]> {
    this.#assertOpen();
    return presentStates(this.#context, this.#parts.latest, filter);
  }

  /**
   * Received messages, for one loop. A message is settled when the loop asks for the next one; one that the loop left by
   * `break` or an exception comes again. Ends with {@link close}.
   *
   * @throws `USAGE_CONSUMER_EXISTS` while another loop or handler consumes
   */
  messages(): AsyncIterableIterator<Message> {
    this.#assertOpen();
    return this.#parts.delivery.messages();
  }

  /** Messages that the handler of `message` failed on until they were set aside: to be looked at, retried or dropped. */
  get failed(): FailedMessages {
    this.#assertOpen();
    return this.#parts.failed;
  }

  /**
   * Listens. The handler of `message` is the one consumer of messages: each is settled when its promise resolves, comes
   * again when it throws, after pauses that grow to a minute, and is set aside after fifteen times ({@link failed}). Meanwhile
   * what the same device sent waits behind it; others go on.
   *
   * @returns a function that stops listening
   * @throws `USAGE_CONSUMER_EXISTS`
   */
  on(name: 'message', handler: MessageHandler): () => void;
  on<Name extends keyof MessengerEvents>(name: Name, listener: (event: MessengerEvents[Name]) => void): () => void;
  on(name: 'message' | keyof MessengerEvents, listener: MessageHandler | ((event: never) => void)): () => void {
    this.#assertOpen();
    assertArgument(listener, aFunction, 'a listener');
    if (name === 'message') return this.#parts.delivery.consume(listener as MessageHandler);
    return this.#context.events.on(name, listener as (event: unknown) => void);
  }

  /**
   * Joins a room: frames to everybody in it, under keys that change as members come and go. Resolves when we have announced
   * ourselves; the others' keys come as they answer.
   *
   * @param name - 1 to 64 letters, digits, `.`, `_`, `-`
   * @throws `STATE_NOT_REGISTERED` before {@link register}, `USAGE_INVALID_ARGUMENT`, `TRANSPORT_REFUSED`, `TRANSPORT_CLOSED`
   */
  async joinRoom(name: string, options: JoinOptions): Promise<Room> {
    this.#assertOpen();
    await this.#account.assertRegistered(this.#context.keys);
    return this.#parts.rooms.join(name, options);
  }

  /**
   * Calls somebody: resolves when one of their devices has taken the call and both are heard under its keys.
   *
   * @param signal - gives up
   * @throws `STATE_NOT_REGISTERED`, `USAGE_INVALID_ADDRESS`, `USAGE_CONTACT_BLOCKED`, `DIRECTORY_` codes; `CALL_DECLINED`,
   *   `CALL_BUSY`, `CALL_NO_ANSWER` after 90 s, `CALL_ELSEWHERE`, `CALL_FAILED`, `CALL_ENDED`; `VERIFY_HANDSHAKE` when what the
   *   other side signed does not fit
   */
  async call(to: string, options: { readonly signal?: AbortSignal } = {}): Promise<Call> {
    this.#assertOpen();
    assertOptions(options, { signal: aSignal }, 'options');
    const { signal } = options;
    await this.#account.assertRegistered(this.#context.keys);
    return this.#parts.calls.call(to, signal);
  }

  /**
   * Where this device is woken when somebody calls, or `null`: nowhere any more. The relay is told, and keeps it until it expires or the
   * push service has forgotten it; repeat it at each start.
   *
   * @param subscription - of `pushManager.subscribe({ applicationServerKey: await messenger.pushKey() })`, or its `toJSON()`
   * @throws `STATE_NOT_REGISTERED`, `USAGE_INVALID_ARGUMENT`; `TRANSPORT_REFUSED` by a relay that does not push there, or at all;
   *   `TRANSPORT_TIMEOUT` when it does not answer within 90 s; `DIRECTORY_NOT_FOUND` where the directory names no relay
   */
  async updatePush(subscription: PushSubscriptionLike | null): Promise<void> {
    this.#assertOpen();
    await this.#account.assertRegistered(this.#context.keys);
    return this.#parts.pushDesk.update(subscription);
  }

  /** The relay's key towards push services (VAPID), base64url. @throws `TRANSPORT_REFUSED` when it wakes nobody, `DIRECTORY_` codes */
  async pushKey(): Promise<string> {
    this.#assertOpen();
    return this.#parts.pushDesk.key();
  }

  /**
   * Takes what a push has brought: the dial in it rings at once. It waits at the broker as well, and is heard once.
   *
   * @param push - `event.data.text()` in a service worker, or what `IncomingCall.handOver` has answered there
   * @throws `DECODE_TOO_LARGE`, `DECODE_CBOR`, `DECODE_CLAIMS`
   */
  wake(push: string): void {
    this.#assertOpen();
    const { dial } = decodeWakeNote(push);
    if (dial) this.#parts.calls.wake(dial);
  }

  /** Replaces this device's keys and publishes them; mail in flight to the old ones still opens. */
  async rotateKeys({ suite = DEFAULT_SUITE }: { suite?: SuiteName } = {}): Promise<void> {
    this.#assertOpen();
    await this.#account.rotate(this.#context.keys, seconds(this.#context), suite);
    this.#parts.announcements.changed();
  }

  /** The devices of our account: which there are, linking, retiring and revoking them. */
  get devices(): Devices {
    this.#assertOpen();
    return this.#parts.devices;
  }

  /**
   * The identity in a file under a passphrase, for `Messenger.open({ identity })` on another machine.
   *
   * @throws `USAGE_NO_IDENTITY_KEY`, `USAGE_KEY_NOT_EXTRACTABLE`
   */
  async exportIdentity(passphrase: string): Promise<Uint8Array> {
    this.#assertOpen();
    return exportIdentity(this.#context.provider, this.#account, passphrase);
  }

  /** Depth and age of the queues, connection, key look-ups, clock. */
  status(): MessengerStatus {
    return measure(this.#parts);
  }

  /**
   * Waits for what is in flight and for the message handler, then disconnects; the broker goes on keeping our mail. What is not
   * acknowledged by then goes out the next time, and a message whose handler is not done comes again.
   *
   * @param patience - how long to wait at most, in milliseconds; default 5,000. The farewell to the broker may take two seconds more
   * @throws `USAGE_INVALID_ARGUMENT`
   */
  async close(options: { readonly patience?: number } = {}): Promise<void> {
    assertOptions(options, { patience: duration }, 'options');
    const { patience = CLOSE_PATIENCE } = options;
    this.#closing ??= this.#parts.close(patience);
    return this.#closing;
  }

  get #context() {
    return this.#parts.context;
  }

  get #account() {
    return this.#parts.context.account;
  }

  #assertOpen(): void {
    if (this.#closing) throw new SealMQError('USAGE_CLOSED', 'the messenger is closed');
  }
}

const isList = (to: string | readonly string[]): to is readonly string[] => Array.isArray(to);
