import type { Steps } from '../../crypto/steps.js';
import type { CallFrame, FrameType } from './frame.js';
import type { CallInput, CallState, HandshakeContext, Phase, ReceivedFrame, Transition } from './state.js';

type StateOf<P extends Phase> = Extract<CallState, { phase: P }>;
type FrameOf<T extends FrameType> = Extract<CallFrame, { type: T }>;
type InputOf<K extends CallInput['kind']> = Extract<CallInput, { kind: K }>;

/** A transition, at once or by steps of the backend. */
export type Move = Steps<Transition> | Transition;

/** One row of the table: what a state does with each frame and each other input. What is not in it is passed over. */
export interface Row<P extends Phase> {
  readonly frames?: {
    readonly [T in FrameType]?: (
      context: HandshakeContext,
      state: StateOf<P>,
      received: ReceivedFrame & { readonly frame: FrameOf<T> },
      now: number,
    ) => Move;
  };
  readonly inputs?: {
    readonly [K in Exclude<CallInput['kind'], 'frame'>]?: (
      context: HandshakeContext,
      state: StateOf<P>,
      input: InputOf<K>,
    ) => Move;
  };
}
