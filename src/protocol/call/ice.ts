import type { Steps } from '../../crypto/steps.js';
import { SealMQError } from '../../errors.js';
import { emptyWindow, seeCounter } from '../replay-window.js';
import { decodeIceBody, encodeIceBody, type IceBody } from './body.js';
import { openBody, sealBody } from './cipher.js';
import type { IceFrame } from './frame.js';
import type { HandshakeKeys, Party } from './keys.js';
import { publish } from './moves.js';
import {
  type CallOutput,
  type FrameRefusal,
  type HandshakeContext,
  type IceLine,
  MAX_WAITING,
  type Role,
} from './state.js';

/** The line of candidates as it begins. @param described - whether the other side's description is known */
export function newIceLine(keys: HandshakeKeys, role: Role, described: boolean): IceLine {
  const [sendKey, receiveKey] = role === 'caller' ? [keys['ice-a'], keys['ice-b']] : [keys['ice-b'], keys['ice-a']];
  return { sendKey, receiveKey, sent: 0, seen: emptyWindow, round: 0, described, waiting: [] };
}

/** What came of an ice frame, or of one that is to be sent. */
export interface IceStep {
  readonly ice: IceLine;
  readonly outputs: readonly CallOutput[];
}

/** Encrypts and seals an ice frame to the peer. */
export function* sendIce(
  context: HandshakeContext,
  { call, peer, ice }: { readonly call: Uint8Array; readonly peer: Party; readonly ice: IceLine },
  body: IceBody,
): Steps<IceStep> {
  const ctr = ice.sent;
  const ct = yield* sealBody(context.provider, ice.sendKey, { call, type: 'ice', ctr }, encodeIceBody(body));
  const outputs = yield* publish(context, { type: 'ice', call, ctr, ct }, peer);
  return { ice: { ...ice, sent: ctr + 1 }, outputs };
}

/** Takes the peer's ice frame in: decrypt → what it says, each kind by whom it may come from. */
export function* takeIce(
  context: HandshakeContext,
  role: Role,
  ice: IceLine,
  { call, ctr, ct }: IceFrame,
): Steps<IceStep | FrameRefusal> {
  const seen = seeCounter(ice.seen, ctr);
  if (!seen) return 'replayed';
  const bytes = yield* openBody(context.provider, ice.receiveKey, { call, type: 'ice', ctr }, ct);
  if (!bytes) return 'undecryptable';
  try {
    return follow(role, { ...ice, seen }, decodeIceBody(bytes));
  } catch (error) {
    if (error instanceof SealMQError && error.code.startsWith('DECODE_')) return 'malformed';
    throw error;
  }
}

function follow(role: Role, ice: IceLine, body: IceBody): IceStep | FrameRefusal {
  const { round } = body;
  switch (body.kind) {
    case 'candidate': {
      const { kind, ...candidate } = body;
      if (round < ice.round) return { ice, outputs: [] };
      if (round === ice.round && ice.described) return { ice, outputs: [outputOf(candidate)] };
      if (ice.waiting.length >= MAX_WAITING) return 'too-many';
      return { ice: { ...ice, waiting: [...ice.waiting, candidate] }, outputs: [] };
    }
    case 'offer':
      if (role !== 'caller' || round <= ice.round) return 'unexpected';
      return describe({ ...ice, round }, { kind: 'remote', type: 'offer', round, sdp: body.sdp });
    case 'answer':
      if (role !== 'callee' || round !== ice.round || ice.described) return 'unexpected';
      return describe(ice, { kind: 'remote', type: 'answer', round, sdp: body.sdp });
    case 'restart':
      if (role !== 'callee') return 'unexpected';
      // One that asks about a way that is being replaced already has been answered.
      return { ice, outputs: round === ice.round && ice.described ? [{ kind: 'restart' }] : [] };
  }
}

/** The other side's description is here: so may its candidates be. */
export function describe(ice: IceLine, remote: CallOutput): IceStep {
  const ready = ice.waiting.filter(({ round }) => round === ice.round).map(outputOf);
  const waiting = ice.waiting.filter(({ round }) => round > ice.round);
  return { ice: { ...ice, described: true, waiting }, outputs: [remote, ...ready] };
}

function outputOf({ round, ...candidate }: IceLine['waiting'][number]): CallOutput {
  return { kind: 'candidate', round, candidate };
}
