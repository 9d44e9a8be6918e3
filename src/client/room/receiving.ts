import { run } from '../../crypto/steps.js';
import { isSealMQError } from '../../errors.js';
import { type FrameOutcome, type KeyRing, openWithRing } from '../../protocol/room/key-ring.js';
import { hearPeer } from '../../protocol/room/peer.js';
import { decodeFrame, type FrameKind } from '../../protocol/room/room-frame.js';
import type { RoomContext } from './context.js';
import type { RoomFrame, UndecryptableReason } from './events.js';
import { createHeldFrames, type HeldFrame } from './held-frames.js';
import type { Member } from './members.js';
import { createTurns } from './turns.js';

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
  const turns = createTurns();

  function drop(device: string, reason: UndecryptableReason): void {
    const address = members.get(device)?.peer.address;
    events.emit('undecryptable', { device, reason, ...(address !== undefined && { address }) });
  }

  function hold(device: string, bytes: Uint8Array): void {
    for (const frame of held.hold(device, bytes, port.now())) drop(frame.device, 'overflow');
  }

  function open(kind: FrameKind, device: string, bytes: Uint8Array, member: Member): Promise<void> | undefined {
    const steps = openWithRing(port.provider, member.ring, bytes, member.metadata[kind], port.now());
    const apply = ({ ring, outcome }: { readonly ring: KeyRing; readonly outcome: FrameOutcome }): void => {
      member.ring = ring;
      settle(kind, device, bytes, member, outcome);
    };
    const result = run(steps);
    if (result instanceof Promise) return result.then(apply);
    apply(result);
    return undefined;
  }

  function settle(kind: FrameKind, device: string, bytes: Uint8Array, member: Member, outcome: FrameOutcome): void {
    switch (outcome.kind) {
      case 'opened':
        member.peer = hearPeer(member.peer, clock.now());
        if (kind === 'frame') deliver(device, member, outcome.plaintext);
        return;
      case 'unknown-key':
        if (kind === 'frame') hold(device, bytes);
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
    try {
      const { channel, payload } = decodeFrame(plaintext);
      handlers.frame({ from: peer.address, device, bytes: payload, ...(channel !== undefined && { channel }) });
    } catch (error) {
      if (!isSealMQError(error)) throw error;
      drop(device, 'malformed');
    }
  }

  function takeNow(kind: FrameKind, device: string, bytes: Uint8Array): Promise<void> | undefined {
    const member = members.get(device);
    if (member) return open(kind, device, bytes, member);
    if (kind === 'frame') hold(device, bytes);
    handlers.stranger(device);
    return undefined;
  }

  const again = (frames: readonly HeldFrame[]): void => {
    for (const { device, bytes } of frames) {
      if (!turns.take(() => takeNow('frame', device, bytes))) drop(device, 'overflow');
    }
  };

  return {
    take(kind, device, bytes) {
      if (kind === 'heartbeat' && device === port.self.device) return clock.came(bytes);
      if (device === port.self.device) return;
      if (!turns.take(() => takeNow(kind, device, bytes)) && kind === 'frame') drop(device, 'overflow');
    },
    release: (device) => again(held.release(device)),
    giveUp(device) {
      for (const _frame of held.release(device)) drop(device, 'no-key');
    },
    change: (work) => new Promise((resolve, reject) => turns.takeAnyway(() => work().then(resolve, reject))),
    tick() {
      for (const { device } of held.expire(port.now())) {
        drop(device, members.get(device) ? 'no-key' : 'unknown-member');
      }
    },
  };
}
