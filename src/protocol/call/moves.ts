/** Moves that several states of a call share. */
import { equal } from '../../bytes/bytes.js';
import { present } from '../../bytes/fields.js';
import type { Steps } from '../../crypto/steps.js';
import type { CallFrame, CloseReason } from './frame.js';
import type { Party } from './keys.js';
import type { CallOutput, CallState, FrameRefusal, HandshakeContext, Readers, Transition } from './state.js';

/** Nothing changes. */
export function stay<State extends CallState>(state: State, ...outputs: readonly CallOutput[]): Transition<State> {
  return { state, outputs };
}

/** The frame is passed over. */
export function refuse<State extends CallState>(state: State, from: Party, reason: FrameRefusal): Transition<State> {
  return stay(state, { kind: 'refused', reason, from });
}

/** Whether the frame is signed by the device that the call is with. */
export function isPeer(peer: Party, from: Party): boolean {
  return peer.address === from.address && equal(peer.signing, from.signing) && equal(peer.identity, from.identity);
}

/** The frame on its way, or nothing when nobody would read it. */
export function* publish(context: HandshakeContext, frame: CallFrame, to: Readers): Steps<readonly CallOutput[]> {
  const sealed = yield* context.seal(frame, to);
  return sealed ? [{ kind: 'publish', type: frame.type, address: to.address, bytes: sealed.bytes }] : [];
}

/** The other side ended it. */
export function endedByThem({ call }: CallState, reason: CloseReason): Transition {
  return { state: { phase: 'closed', call }, outputs: [{ kind: 'ended', reason, by: 'them' }] };
}

/** We end it, and say so to `to`. */
export function* end(
  context: HandshakeContext,
  { call }: CallState,
  reason: CloseReason,
  to: Readers,
  unverified?: true,
): Steps<Transition> {
  const told = yield* publish(context, { type: 'close', call, reason }, to);
  const ended: CallOutput = present({ kind: 'ended' as const, reason, by: 'us' as const, unverified });
  return { state: { phase: 'closed', call }, outputs: [...told, ended] };
}

/** What the other side signed does not fit what we have: it is not who it says, or somebody is in between. */
export function fail(context: HandshakeContext, state: CallState, { address, signing }: Party): Steps<Transition> {
  return end(context, state, 'failed', { address, signing }, true);
}
