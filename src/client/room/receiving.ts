import { run } from '../../crypto/steps.js';
import { isSealMQError } from '../../errors.js';
import { decodeFrames } from '../../protocol/room/frame-batch.js';
import { splitSignature } from '../../protocol/room/frame-signature.js';
import { type FrameOutcome, type OpenedFrame, openWithRing } from '../../protocol/room/key-ring.js';
import { hearPeer } from '../../protocol/room/peer.js';
import { type FrameKind, MAX_SEALED_FRAME_BYTES } from '../../protocol/room/room-frame.js';
import type { RoomContext } from './context.js';
import type { RoomFrame, UndecryptableReason } from './events.js';
import { createHeldFrames, type HeldFrame } from './held-frames.js';
import type { Member } from './members.js';
import { createTurns } from './turns.js';

/** Bytes on a topic of frames or heartbeats. */
interface Arrival {
  readonly kind: FrameKind;
  readonly device: string;
  readonly bytes: Uint8Array;
  /** When what was held came first, in milliseconds: waiting for a key does not begin anew with each key. */
  readonly at?: number;
}

/** Where frames lead. */
export interface FrameHandlers {
  /** A frame for the application. */
  frame(frame: RoomFrame): void;
  /** A device that is no member was heard. */
  stranger(device: string): void;
}

/** The frames of the others: opened one after the other, held while their key may still come. */
export interface Receiving {
  take(kind: FrameKind, device: string, bytes: Uint8Array): void;
  /** A key of this device has come, or it was met: what it sent is tried again. */
  release(device: string): void;
  /** The member is gone, or came anew: the key of what waits will not come. */
  giveUp(device: string): void;
  /** Changes a member's keys, between two frames. */
  change(work: () => Promise<void>): Promise<void>;
  /** Gives up on frames whose key never came. */
  tick(): void;
}

export function createReceiving(context: RoomContext, handlers: FrameHandlers): Receiving {
  const { port, members, events, clock } = context;
  const held = createHeldFrames();
  const turns = createTurns((error) => port.warn(error));

  function drop(device: string, reason: UndecryptableReason): void {
    const address = members.get(device)?.peer.address;
    events.emit('undecryptable', { device, reason, ...(address !== undefined && { address }) });
  }

  function hold({ device, bytes, at }: Arrival): void {
    for (const frame of held.hold(device, bytes, at ?? port.now())) drop(frame.device, 'overflow');
  }

  function open(arrival: Arrival, member: Member): Promise<void> | undefined {
    const { kind, bytes } = arrival;
    const steps = openWithRing(port.provider, member.ring, bytes, member.metadata[kind], port.now());
    const apply = ({ ring, outcome }: OpenedFrame): Promise<void> | undefined => {
      if (context.signatures && outcome.kind === 'opened') return vet(arrival, member, { ring, outcome });
      member.ring = ring;
      settle(arrival, member, outcome);
      return undefined;
    };
    const result = run(steps);
    return result instanceof Promise ? result.then(apply) : apply(result);
  }

  /** What is not its sender's own counts for nothing: the counter that it bears is left to the sender. */
  async function vet(arrival: Arrival, member: Member, { ring, outcome }: OpenedFrame): Promise<void> {
    const { kind, device } = arrival;
    if (outcome.kind !== 'opened') return;
    const { address, since } = member.peer;
    const parted = quietly(() => splitSignature(outcome.plaintext));
    if (!parted) return drop(device, 'malformed');
    if (!parted.signature) return drop(device, 'unsigned');
    const place = { room: context.room, kind, address, device, since, kid: outcome.kid, ctr: outcome.ctr };
    const isGenuine = await port.verifyFrame(place, parted.signature, parted.content).catch(falseIfPassing);
    if (!isGenuine) return drop(device, 'not-verified');
    member.ring = ring;
    settle(arrival, member, outcome);
  }

  function settle(arrival: Arrival, member: Member, outcome: FrameOutcome): void {
    const { kind, device } = arrival;
    switch (outcome.kind) {
      case 'opened':
        member.peer = hearPeer(member.peer, clock.now());
        if (kind === 'frame') deliver(device, member, outcome.plaintext);
        return;
      case 'unknown-key':
        if (kind === 'frame') hold(arrival);
        // The key is most likely under way: it is asked for when it does not come.
        if (outcome.kid !== undefined && outcome.kid > (member.wanted?.kid ?? -1)) {
          member.wanted = { kid: outcome.kid, since: member.wanted?.since ?? port.now() };
        }
        return;
      case 'replayed':
        return;
      case 'old-key':
        // From before our time: not ours to read.
        if (kind === 'frame' && (outcome.kid ?? 0) >= (member.firstKid ?? 0)) drop(device, 'old-key');
        return;
      default:
        drop(device, outcome.kind);
    }
  }

  function deliver(device: string, { peer }: Member, plaintext: Uint8Array): void {
    const frames = quietly(() => decodeFrames(splitSignature(plaintext).content));
    if (!frames) {
      drop(device, 'malformed');
      return;
    }
    const from = peer.address;
    for (const { channel, payload: bytes } of frames) {
      handlers.frame(channel === undefined ? { from, device, bytes } : { from, device, channel, bytes });
    }
  }

  function takeNow(arrival: Arrival): Promise<void> | undefined {
    const member = members.get(arrival.device);
    if (member) return open(arrival, member);
    if (arrival.kind === 'frame') hold(arrival);
    handlers.stranger(arrival.device);
    return undefined;
  }

  const again = (frames: readonly HeldFrame[]): void => {
    for (const { device, bytes, heldAt: at } of frames) {
      if (!turns.take(() => takeNow({ kind: 'frame', device, bytes, at }), bytes.length)) drop(device, 'overflow');
    }
  };

  return {
    take(kind, device, bytes) {
      if (kind === 'heartbeat' && device === port.self.device) return clock.came(bytes);
      if (device === port.self.device) return;
      if (bytes.length > MAX_SEALED_FRAME_BYTES) return drop(device, 'malformed');
      if (!turns.take(() => takeNow({ kind, device, bytes }), bytes.length) && kind === 'frame')
        drop(device, 'overflow');
    },
    release: (device) => again(held.release(device)),
    giveUp(device) {
      for (const _frame of held.release(device)) drop(device, 'no-key');
    },
    change: (work) => turns.run(work),
    tick() {
      for (const { device } of held.expire(port.now())) {
        drop(device, members.get(device) ? 'no-key' : 'unknown-member');
      }
    },
  };
}

/** What `decode` answers, or `undefined` for malformed bytes. */
function quietly<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (!isSealMQError(error)) throw error;
    return undefined;
  }
}

/** A directory that is away vouches for nobody. */
function falseIfPassing(error: unknown): false {
  if (isSealMQError(error)) return false;
  throw error;
}
