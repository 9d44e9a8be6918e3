import { equal } from '../../bytes/bytes.js';
import { present } from '../../bytes/fields.js';
import type { OkpPublicKey } from '../../cose/key.js';
import { type Steps, step } from '../../crypto/steps.js';
import { encodeDescription, type IceBody } from './body.js';
import { readDescription } from './caller.js';
import { openBody, sealBody } from './cipher.js';
import { established, takePeersIce } from './established.js';
import type { DialFrame } from './frame.js';
import { describe, newIceLine, sendIce } from './ice.js';
import { handshakeKeys, messageKeys, type Party } from './keys.js';
import { end, endedByThem, fail, isPeer, refuse, stay } from './moves.js';
import type { Row } from './row.js';
import {
  type CallOutput,
  DIAL_LIFE,
  type HandshakeContext,
  MAX_WAITING,
  type Offering,
  type ReceivedFrame,
  type Ringing,
  STEP_LIFE,
  type Transition,
} from './state.js';

/**
 * Somebody calls, or `undefined` when the dial is not meant for us: it names another identity.
 *
 * @param dialledAt - milliseconds of the clock that ticks go by
 */
export function ring(
  self: Party,
  { frame, from, hash }: ReceivedFrame & { readonly frame: DialFrame },
  dialledAt: number,
): Ringing | undefined {
  if (!equal(frame.identity, self.identity)) return undefined;
  return {
    ...{ phase: 'ringing', call: frame.call, peer: from, dial: hash, callerKey: frame.key },
    ...{ gathered: [], deadline: dialledAt + DIAL_LIFE },
  };
}

/** The callee while it rings. */
export const ringing: Row<'ringing'> = {
  frames: {
    close(_context, state, { frame, from }) {
      return isPeer(state.peer, from) ? endedByThem(state, frame.reason) : refuse(state, from, 'not-the-peer');
    },
  },
  inputs: {
    *accept(context, state, { sdp, now }) {
      const { call, peer, dial, callerKey } = state;
      const made = yield* agree(context, state);
      if (!made) return yield* fail(context, state, peer);
      const { key, shared } = made;
      const transcript = { call, dial, caller: peer, callee: context.self, callerKey, calleeKey: key };
      const keys = yield* handshakeKeys(context.provider, transcript, shared);
      const body = encodeDescription(present({ sdp }));
      const ct = yield* sealBody(context.provider, keys.offer, { call, type: 'offer', ctr: 0 }, body);
      const sealed = yield* context.seal({ type: 'offer', call, dial, key, ct }, peer);
      if (!sealed) return yield* fail(context, state, peer);
      const offering: Offering = {
        ...{ phase: 'offering', call, peer, keys, offer: sealed.hash },
        ...{ ice: newIceLine(keys, 'callee', false), deadline: now + STEP_LIFE },
      };
      const offer: CallOutput = { kind: 'publish', type: 'offer', address: peer.address, bytes: sealed.bytes };
      return yield* tellGathered(context, offering, state, [offer]);
    },
    candidate(_context, state, { candidate }) {
      if (state.gathered.length >= MAX_WAITING) return stay(state);
      return stay({ ...state, gathered: [...state.gathered, candidate] });
    },
    hangUp: (context, state, { reason }) => end(context, state, reason, state.peer),
    tick(_context, state, { now }) {
      if (now < state.deadline) return stay(state);
      // The caller knows by itself that the time is over.
      return {
        state: { phase: 'closed', call: state.call },
        outputs: [{ kind: 'ended', reason: 'timeout', by: 'us' }],
      };
    },
  },
};

/** The callee with its offer out. */
export const offering: Row<'offering'> = {
  frames: {
    *answer(context, state, { frame, from, hash }, now) {
      const { call, peer, keys, offer } = state;
      if (!isPeer(peer, from)) return refuse(state, from, 'not-the-peer');
      if (!equal(frame.offer, offer)) return yield* fail(context, state, peer);
      const body = yield* openBody(context.provider, keys.answer, { call, type: 'answer', ctr: 0 }, frame.ct);
      const description = body && readDescription(body);
      if (!description) return yield* fail(context, state, peer);
      const msg = yield* messageKeys(context.provider, keys, { call, offer, answer: hash });
      const remote: CallOutput = { kind: 'remote', type: 'answer', round: 0, ...description };
      const { ice, outputs } = describe(state.ice, remote);
      return {
        state: { phase: 'connecting', call, role: 'callee', peer, ice, deadline: now + STEP_LIFE },
        outputs: [{ kind: 'keys', role: 'callee', peer, keys: msg }, ...outputs],
      };
    },
    *ice(context, state, received) {
      return yield* takePeersIce(context, 'callee', state, received);
    },
    close: established.close,
  },
  inputs: {
    candidate: established.candidate,
    hangUp: established.hangUp,
    tick: established.expire,
  },
};

/** A fresh key pair of ours, and the secret that it shares with the caller's. */
function* agree({ provider }: HandshakeContext, { callerKey }: Ringing) {
  const ephemeral = yield* step(provider.generateKey('X25519'));
  const shared = yield* step(provider.agree(ephemeral, { kty: 'OKP', crv: 'X25519', x: callerKey }));
  return shared ? { key: (ephemeral.publicKey as OkpPublicKey).x, shared } : undefined;
}

/** The candidates that were there before the offer. */
function* tellGathered(
  context: HandshakeContext,
  first: Offering,
  { gathered }: Ringing,
  before: readonly CallOutput[],
): Steps<Transition> {
  let state = first;
  const outputs = [...before];
  for (const candidate of gathered) {
    const body: IceBody = { kind: 'candidate', round: 0, ...candidate };
    const sent = yield* sendIce(context, state, body);
    state = { ...state, ice: sent.ice };
    outputs.push(...sent.outputs);
  }
  return { state, outputs };
}
