/** What a call does once there are keys: candidates, new ways, the end. */
import type { Steps } from '../../crypto/steps.js';
import type { CloseFrame, IceFrame } from './frame.js';
import { sendIce, takeIce } from './ice.js';
import { end, endedByThem, isPeer, refuse, stay } from './moves.js';
import type {
  Answering,
  CallInput,
  Connected,
  Connecting,
  HandshakeContext,
  Offering,
  ReceivedFrame,
  Role,
  Transition,
} from './state.js';

/** States in which there are keys. */
type Keyed = Answering | Offering | Connecting | Connected;

/** The peer's candidates and new ways. */
export function* takePeersIce(
  context: HandshakeContext,
  role: Role,
  state: Keyed,
  received: ReceivedFrame,
): Steps<Transition> {
  if (!isPeer(state.peer, received.from)) return refuse(state, received.from, 'not-the-peer');
  const taken = yield* takeIce(context, role, state.ice, received.frame as IceFrame);
  if (typeof taken === 'string') return refuse(state, received.from, taken);
  return stay({ ...state, ice: taken.ice }, ...taken.outputs);
}

/** Cells that all states with keys share. */
export const established = {
  close(_context: HandshakeContext, state: Keyed, { frame, from }: ReceivedFrame): Transition {
    if (!isPeer(state.peer, from)) return refuse(state, from, 'not-the-peer');
    return endedByThem(state, (frame as CloseFrame).reason);
  },
  gone: (_context: HandshakeContext, state: Connecting | Connected): Transition => endedByThem(state, 'hangup'),
  *candidate(
    context: HandshakeContext,
    state: Keyed,
    { round, candidate }: Extract<CallInput, { kind: 'candidate' }>,
  ): Steps<Transition> {
    if (round !== state.ice.round) return stay(state);
    const { ice, outputs } = yield* sendIce(context, state, { kind: 'candidate', round, ...candidate });
    return stay({ ...state, ice }, ...outputs);
  },
  hangUp: (
    context: HandshakeContext,
    state: Keyed,
    { reason }: Extract<CallInput, { kind: 'hangUp' }>,
  ): Steps<Transition> => end(context, state, reason, state.peer),
  *expire(
    context: HandshakeContext,
    state: Exclude<Keyed, Connected>,
    { now }: Extract<CallInput, { kind: 'tick' }>,
  ): Steps<Transition> {
    return now < state.deadline ? stay(state) : yield* end(context, state, 'timeout', state.peer);
  },
};

/** The callee describes a new way, the caller asks for one. */
export function* restart(
  context: HandshakeContext,
  state: Connecting | Connected,
  { sdp }: Extract<CallInput, { kind: 'restart' }>,
): Steps<Transition> {
  if (state.role === 'caller') {
    const { ice, outputs } = yield* sendIce(context, state, { kind: 'restart', round: state.ice.round });
    return stay({ ...state, ice }, ...outputs);
  }
  if (sdp === undefined) return stay(state);
  const round = state.ice.round + 1;
  const { ice, outputs } = yield* sendIce(context, state, { kind: 'offer', round, sdp });
  return stay({ ...state, ice: { ...ice, round, described: false } }, ...outputs);
}

/** The caller describes its side of a new way. */
export function* redescribe(
  context: HandshakeContext,
  state: Connecting | Connected,
  { round, sdp }: Extract<CallInput, { kind: 'redescribe' }>,
): Steps<Transition> {
  if (state.role !== 'caller' || round !== state.ice.round) return stay(state);
  const { ice, outputs } = yield* sendIce(context, state, { kind: 'answer', round, sdp });
  return stay({ ...state, ice }, ...outputs);
}
