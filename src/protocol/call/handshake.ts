/**
 * The handshake of a call as one table: a row a state, a cell a frame or another input, `(state, input) → {state, outputs}`.
 * Which frames are in time and new is `timeliness.ts`, which of two calls goes on `line.ts`.
 */
import { equal } from '../../bytes/bytes.js';
import { run, type Steps } from '../../crypto/steps.js';
import { offering, ringing } from './callee.js';
import { answering, dialling, lateOffer } from './caller.js';
import { established, redescribe, restart, takePeersIce } from './established.js';
import { refuse, stay } from './moves.js';
import type { Move, Row } from './row.js';
import type { CallInput, CallState, Connected, Connecting, HandshakeContext, Phase, Transition } from './state.js';

const shared = {
  frames: {
    offer: lateOffer,
    close: established.close,
    *ice(context: HandshakeContext, state: Connecting | Connected, received: Parameters<typeof takePeersIce>[3]) {
      return yield* takePeersIce(context, state.role, state, received);
    },
  },
  inputs: { candidate: established.candidate, hangUp: established.hangUp, gone: established.gone, restart, redescribe },
};

const connecting: Row<'connecting'> = {
  frames: shared.frames,
  inputs: {
    ...shared.inputs,
    heard(_context, { call, role, peer, ice }) {
      return { state: { phase: 'connected', call, role, peer, ice }, outputs: [{ kind: 'connected' }] };
    },
    tick: established.expire,
  },
};

/** What each state does. A closed call does nothing any more. */
export const TABLE: { readonly [P in Phase]: Row<P> } = {
  dialling,
  answering,
  ringing,
  offering,
  connecting,
  connected: shared,
  closed: {},
};

type Cell = (context: HandshakeContext, state: CallState, ...rest: readonly unknown[]) => Move;

/** One step of a call. @throws what `context.seal` throws; nothing for anything that came from outside */
export function* advance(context: HandshakeContext, state: CallState, input: CallInput): Steps<Transition> {
  const { frames = {}, inputs = {} } = TABLE[state.phase] as Row<Phase>;
  if (input.kind !== 'frame') {
    const cell = inputs[input.kind] as Cell | undefined;
    return cell ? yield* moved(cell(context, state, input)) : stay(state);
  }
  const { received, now } = input;
  if (!equal(received.frame.call, state.call)) return refuse(state, received.from, 'not-the-peer');
  const cell = frames[received.frame.type] as Cell | undefined;
  return cell ? yield* moved(cell(context, state, received, now)) : refuse(state, received.from, 'unexpected');
}

function* moved(move: Move): Steps<Transition> {
  return 'outputs' in move ? move : yield* move;
}

/** {@link advance}, run. */
export async function advanceNow(context: HandshakeContext, state: CallState, input: CallInput): Promise<Transition> {
  return run(advance(context, state, input));
}
