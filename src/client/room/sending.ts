import { type Awaitable, run, type Steps, step } from '../../crypto/steps.js';
import { createCourtesy } from '../../pause.js';
import { entrySize } from '../../protocol/room/frame-batch.js';
import {
  advance,
  countFrame,
  follow,
  freshKey,
  isWorn,
  keyForNewcomer,
  type OwnKey,
  offeredKey,
  replaceKey,
  startOwnKey,
  untilRekey,
  useKey,
} from '../../protocol/room/own-key.js';
import { encodeFrame, type FrameKind, type FrameParts, frameMetadata } from '../../protocol/room/room-frame.js';
import type { RoomPlace } from '../../protocol/room/room-topics.js';
import { leadsTo, type SenderKey } from '../../protocol/room/sender-key.js';
import { sealFrame } from '../../protocol/room/sframe.js';
import { BATCH_BYTES, Batch, Lone, type Outgoing, type Plaintext } from './batch.js';
import type { RoomContext } from './context.js';
import type { RoomEvents } from './events.js';
import { createFrameMemory } from './frame-memory.js';
import type { Member } from './members.js';

/** How long a frame waits until a new key has been handed to the transport for everybody, in milliseconds. */
const HANDOUT_PATIENCE = 1_000;

const NOTHING: Plaintext = [];

/** How one frame is sent. */
export interface FrameOptions {
  /** The application's own name for what the frame belongs to; encrypted. 1 to 256 characters. */
  readonly channel?: string;
  /** 0 (default): as fast as it goes. 1: the broker acknowledges, and sends it again after a reconnect. */
  readonly qos?: 0 | 1;
}

/** Our own side of a room: the key that we send under, and what follows it. */
export interface Sending {
  /**
   * Seals and publishes a frame, in the order of the calls; together with others of its quality of service that are sent in the
   * same turn of the event loop, or while it waits for its own turn. Its bytes are the application's again on return.
   *
   * @throws at once, `USAGE_INVALID_ARGUMENT`, `USAGE_PAYLOAD_TOO_LARGE`
   */
  send(payload: Uint8Array, options: FrameOptions): Promise<void>;
  /** Publishes a sign of life. It never changes the key: else one departure would make everybody seal to everybody. */
  beat(): Promise<void>;
  /** The key that members are to have. */
  offered(): SenderKey;
  /** KID of the key that frames go out under now. */
  readonly kid: number;
  /** Somebody joins: what it is given shows nothing of the past. */
  prepare(): Promise<void>;
  /** Somebody left who holds our key. */
  departed(): void;
  /** A member acknowledged a key, or time has passed. */
  progress(): void;
  /** Lets out what waits for company. Resolves when no frame waits for a key any more. */
  settled(): Promise<void>;
  /** Begins to replace a key that was used for long enough. `anyway`: whether or not it was. */
  renew(anyway?: boolean): Promise<void>;
  /** Replaces the key now if somebody left who holds it; resolves when the new one was handed out. */
  rekeyIfDue(): Promise<void>;
  /** Whether somebody left who holds the key: nothing goes out under it any more. */
  readonly rekeyDue: boolean;
  /** The index that is given with our keys, when there are media. */
  readonly media: number | undefined;
  /** Takes a new key that `index` is given with; none from the next key on when it is `undefined`. */
  setMedia(index: number | undefined): Promise<void>;
  /** The key that media are encrypted under. It counts as used. */
  useForMedia(): SenderKey;
}

/** @param handOut - tells every member the key that is offered now */
export function createSending(context: RoomContext, first: SenderKey, handOut: () => Promise<void>): Sending {
  const { port, members, clock, events, room, since, signatures } = context;
  const { provider } = port;
  const origin = { room, ...port.self };
  const metadata: Record<FrameKind, Uint8Array> = {
    frame: frameMetadata({ ...origin, kind: 'frame' }),
    heartbeat: frameMetadata({ ...origin, kind: 'heartbeat' }),
  };
  const ownFrames: RoomPlace = { kind: 'frame', device: port.self.device };
  const allocate = createFrameMemory();
  const courtesy = createCourtesy();
  let own: OwnKey = startOwnKey(first, port.now());
  let reason: RoomEvents['rekeyed']['reason'] = 'newcomer';
  let turn: Promise<unknown> | undefined;
  /** The batch that takes frames in. */
  let open: Batch | undefined;
  /** The same, as long as it has not asked for its turn. */
  let fresh: Batch | undefined;
  let spare: Uint8Array | undefined;
  let media: number | undefined;
  /** Somebody who lacked the next key: as long as it does, nobody else is looked at, or n acknowledgements would cost n². */
  let laggard: string | undefined;

  function progress(): void {
    if (!own.next) return;
    const before = own.current.kid;
    own = advance(own, allHave, port.now());
    if (own.current.kid !== before) events.emit('rekeyed', { kid: own.current.kid, reason });
  }

  /** Whoever is silent is not waited for. */
  function allHave(kid: number): boolean {
    const lacks = ({ peer }: Member) => !peer.silent && !leadsTo(peer.has, kid);
    const last = laggard === undefined ? undefined : members.get(laggard);
    if (last && lacks(last)) return false;
    laggard = undefined;
    for (const member of members.all()) {
      if (!lacks(member)) continue;
      laggard = member.peer.device;
      return false;
    }
    return true;
  }

  function seal(kind: FrameKind, plaintext: Plaintext): Awaitable<Uint8Array> {
    progress();
    // Taken before anything can wait: no two frames get the same nonce.
    const ctr = own.frames;
    own = countFrame(own);
    return run(signatures ? sealSigned(own.current, ctr, kind, plaintext) : sealAt(own.current, ctr, kind, plaintext));
  }

  function sealAt({ frameKey }: SenderKey, ctr: number, kind: FrameKind, content: Plaintext): Steps<Uint8Array> {
    return sealFrame(provider, frameKey, BigInt(ctr), metadata[kind], content, allocate);
  }

  function* sealSigned(key: SenderKey, ctr: number, kind: FrameKind, plaintext: Plaintext): Steps<Uint8Array> {
    const signature = yield* step(port.signFrame({ ...origin, kind, since, kid: key.kid, ctr }, plaintext));
    return yield* sealAt(key, ctr, kind, [signature, ...plaintext]);
  }

  /** @param index - of our media from this key on */
  async function rekey(why: 'departure' | 'media' = 'departure', index = media): Promise<void> {
    await pause(untilRekey(own, port.now()));
    let replaced: OwnKey | undefined;
    while (!replaced) replaced = replaceKey(own, await run(freshKey(provider, own)), port.now());
    own = replaced;
    media = index;
    events.emit('rekeyed', { kid: own.current.kid, reason: why });
    await Promise.race([handOut(), pause(HANDOUT_PATIENCE)]);
  }

  /** Whoever departs while a new key is handed out holds that one, too. */
  async function replaceDue(): Promise<void> {
    while (own.rekeyDue) await rekey();
  }

  /** Whatever waits for a key, or for a backend, goes one after the other. */
  function inTurn(work: () => Promise<void>): Promise<void> {
    const result = turn ? turn.then(work) : work();
    const through = (): void => {
      if (turn === mine) turn = undefined;
    };
    const mine: Promise<void> = result.then(through, through);
    turn = mine;
    return result;
  }

  /** At once where nothing is in the way. A batch that has to wait goes on taking frames in. */
  function dispatch(outgoing: Outgoing): void {
    if (turn || own.rekeyDue) {
      void inTurn(() => goLater(outgoing));
      return;
    }
    const pending = go(outgoing);
    if (pending) void inTurn(() => pending);
  }

  async function goLater(outgoing: Outgoing): Promise<void> {
    try {
      await replaceDue();
    } catch (error) {
      return fail(outgoing, error);
    }
    await go(outgoing);
  }

  /** Answers a promise only where there is something to wait for. */
  function go(outgoing: Outgoing): Promise<void> | undefined {
    if (open === outgoing) open = undefined;
    const publish = (frame: Uint8Array): void => {
      spare = outgoing.memory ?? spare;
      settle(outgoing, port.publish(ownFrames, frame, outgoing.qos));
    };
    try {
      const frame = seal('frame', outgoing.content);
      if (frame instanceof Promise) return frame.then(publish).catch((error) => fail(outgoing, error));
      publish(frame);
    } catch (error) {
      fail(outgoing, error);
    }
    return undefined;
  }

  function fail(outgoing: Outgoing, error: unknown): void {
    if (open === outgoing) open = undefined;
    settle(outgoing, Promise.reject(error));
  }

  /** A socket that takes all, and a connection that is not there, answer at once: whoever sends in a loop would let nobody else go on. */
  function settle(outgoing: Outgoing, published: Promise<void>): void {
    const othersTurn = courtesy();
    outgoing.settle(othersTurn ? published.finally(() => othersTurn) : published);
  }

  function dispatchFresh(): void {
    const batch = fresh;
    fresh = undefined;
    if (batch) dispatch(batch);
  }

  /** The batch that `frame` opens. */
  function openBatch(frame: FrameParts, qos: 0 | 1): Batch {
    const batch = new Batch(qos, spare ?? new Uint8Array(BATCH_BYTES));
    spare = undefined;
    batch.add(frame);
    open = fresh = batch;
    queueMicrotask(() => {
      if (fresh === batch) dispatchFresh();
    });
    return batch;
  }

  function sendAlone(frame: FrameParts, qos: 0 | 1): Lone {
    const lone = new Lone(qos, frame);
    if (turn || own.rekeyDue || signatures) lone.keep();
    dispatch(lone);
    return lone;
  }

  return {
    send(payload, { channel, qos = 0 }) {
      const frame = encodeFrame(payload, channel);
      if (open?.qos === qos && open.add(frame)) return open.sent;
      dispatchFresh();
      open = undefined;
      return (entrySize(frame) > BATCH_BYTES ? sendAlone : openBatch)(frame, qos).sent;
    },
    async beat() {
      const frame = await seal('heartbeat', NOTHING);
      clock.sent(frame);
      await port.publish({ kind: 'heartbeat', device: port.self.device }, frame, 0);
    },
    offered: () => offeredKey(own),
    get kid() {
      return own.current.kid;
    },
    async prepare() {
      const key = await run(keyForNewcomer(provider, own));
      reason = 'newcomer';
      own = follow(own, key, port.now());
    },
    departed() {
      own = { ...own, rekeyDue: true };
      // What is sent from now on is not to go out with what waits for a key that was made before.
      if (open !== fresh) open = undefined;
    },
    progress,
    async settled() {
      dispatchFresh();
      while (turn) await turn;
    },
    async renew(anyway = false) {
      if (!anyway && !isWorn(own, port.now(), context.bounds)) return;
      const key = await run(freshKey(provider, own));
      reason = 'worn';
      own = follow(own, key, port.now());
      await handOut();
    },
    rekeyIfDue: () => inTurn(replaceDue),
    get rekeyDue() {
      return own.rekeyDue;
    },
    get media() {
      return media;
    },
    async setMedia(index) {
      if (index === undefined) media = undefined;
      else await inTurn(() => rekey('media', index));
    },
    useForMedia() {
      own = useKey(own);
      return own.current;
    },
  };
}

function pause(milliseconds: number): Promise<void> {
  return milliseconds <= 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, milliseconds));
}
