import { type Awaitable, run, type Steps, step } from '../../crypto/steps.js';
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
import { encodeFrame, type FrameKind, frameMetadata } from '../../protocol/room/room-frame.js';
import type { RoomPlace } from '../../protocol/room/room-topics.js';
import { leadsTo, type SenderKey } from '../../protocol/room/sender-key.js';
import { sealFrame } from '../../protocol/room/sframe.js';
import type { RoomContext } from './context.js';
import type { RoomEvents } from './events.js';
import { createFrameMemory } from './frame-memory.js';
import type { Member } from './members.js';

/** How long a frame waits until a new key has been handed to the transport for everybody, in milliseconds. */
const HANDOUT_PATIENCE = 1_000;

/** A frame before it is encrypted, in parts. */
type Plaintext = readonly Uint8Array[];

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
  /** Seals and publishes one frame; frames go out in the order of the calls. */
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
  /** Resolves when no frame waits for a key any more. */
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
  let own: OwnKey = startOwnKey(first, port.now());
  let reason: RoomEvents['rekeyed']['reason'] = 'newcomer';
  let turn: Promise<unknown> | undefined;
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

  async function inTurn(before: Promise<unknown> | undefined, work: () => Promise<void>) {
    await before;
    await work();
    return { published: Promise.resolve() };
  }

  function publish(frame: Uint8Array, qos: 0 | 1): Promise<void> {
    return port.publish(ownFrames, frame, qos);
  }

  async function sendLater(plaintext: Plaintext, qos: 0 | 1, before: Promise<unknown> | undefined) {
    await before;
    if (own.rekeyDue) await rekey();
    const frame = await seal('frame', plaintext);
    return { published: publish(frame, qos) };
  }

  return {
    send(payload, { channel, qos = 0 }) {
      const parts = encodeFrame(payload, channel);
      // Its bytes are the application's again as soon as this returns.
      const plaintext = turn || own.rekeyDue || signatures ? parts.map((part) => part.slice()) : parts;
      if (!turn && !own.rekeyDue) {
        const frame = seal('frame', plaintext);
        if (!(frame instanceof Promise)) return publish(frame, qos);
        return waitInTurn(frame.then((bytes) => ({ published: publish(bytes, qos) })));
      }
      return waitInTurn(sendLater(plaintext, qos, turn));
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
    },
    progress,
    async settled() {
      while (turn) await turn;
    },
    async renew(anyway = false) {
      if (!anyway && !isWorn(own, port.now(), context.bounds)) return;
      const key = await run(freshKey(provider, own));
      reason = 'worn';
      own = follow(own, key, port.now());
      await handOut();
    },
    rekeyIfDue: () => waitInTurn(inTurn(turn, async () => void (own.rekeyDue && (await rekey())))),
    get rekeyDue() {
      return own.rekeyDue;
    },
    get media() {
      return media;
    },
    async setMedia(index) {
      if (index === undefined) media = undefined;
      else await waitInTurn(inTurn(turn, () => rekey('media', index)));
    },
    useForMedia() {
      own = useKey(own);
      return own.current;
    },
  };

  async function waitInTurn(work: Promise<{ readonly published: Promise<void> }>): Promise<void> {
    const mine = work.catch(() => {});
    turn = mine;
    try {
      await (await work).published;
    } finally {
      if (turn === mine) turn = undefined;
    }
  }
}

function pause(milliseconds: number): Promise<void> {
  return milliseconds <= 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, milliseconds));
}
