import { equal } from '../../bytes/bytes.js';
import { present } from '../../bytes/fields.js';
import type { OkpPublicKey } from '../../cose/key.js';
import { type Steps, step } from '../../crypto/steps.js';
import { SealMQError } from '../../errors.js';
import { decodeDescription, encodeDescription } from './body.js';
import { openBody, sealBody } from './cipher.js';
import { established, takePeersIce } from './established.js';
import type { CloseReason, OfferFrame } from './frame.js';
import { newIceLine } from './ice.js';
import { handshakeKeys, messageKeys, type Party } from './keys.js';
import { end, endedByThem, fail, isPeer, publish, refuse, stay } from './moves.js';
import type { Row } from './row.js';
import {
  type Answering,
  type CallOutput,
  type CallState,
  DIAL_LIFE,
  type Dialling,
  type HandshakeContext,
  MAX_WAITING,
  type ReceivedFrame,
  STEP_LIFE,
  type Transition,
} from './state.js';

/** How long a dial goes on behind the first `busy`, in milliseconds: time to take it on another device, and those that are off never say no. */
const RINGS_BESIDE_BUSY = 30_000;

/**
 * Begins a call: the dial, to all devices of the callee.
 *
 * @param id - 16 random bytes
 * @param now - milliseconds of the clock that ticks go by
 * @throws `DIRECTORY_NO_ACTIVE_DEVICE` when nobody could read it
 */
export function* dial(
  context: HandshakeContext,
  callee: Pick<Party, 'address' | 'identity'>,
  id: Uint8Array,
  now: number,
): Steps<Transition<Dialling>> {
  const ephemeral = yield* step(context.provider.generateKey('X25519'));
  const key = (ephemeral.publicKey as OkpPublicKey).x;
  const frame = { type: 'dial', call: id, identity: callee.identity, key } as const;
  const sealed = yield* context.seal(frame, { address: callee.address });
  if (!sealed) throw new SealMQError('DIRECTORY_NO_ACTIVE_DEVICE', `${callee.address} has no active device`);
  return {
    state: {
      ...{ phase: 'dialling', call: id, callee, asked: sealed.readers, dial: sealed.hash, ephemeral },
      ...{ held: [], deadline: now + DIAL_LIFE },
    },
    outputs: [{ kind: 'publish', type: 'dial', address: callee.address, bytes: sealed.bytes }],
  };
}

/** The caller before anybody has answered. */
export const dialling: Row<'dialling'> = {
  frames: {
    *offer(context, state, received, now) {
      const { frame, from, hash } = received;
      if (!isAsked(state, from)) return refuse(state, from, 'not-the-peer');
      const opened = yield* openOffer(context, state, frame, from);
      // The others need not ring any more, either.
      if (!opened) return yield* end(context, state, 'failed', { address: from.address }, true);
      const { keys, description } = opened;
      const answering: Answering = {
        ...{ phase: 'answering', call: state.call, peer: from, keys, offer: hash },
        ...{ ice: newIceLine(keys, 'caller', true), deadline: now + STEP_LIFE },
      };
      const remote: CallOutput = { kind: 'remote', type: 'offer', round: 0, ...description };
      const others = yield* tellOthers(context, state, from, 'elsewhere');
      return yield* takeHeld(context, answering, state.held, [...others, remote]);
    },
    ice(_context, state, received) {
      if (!isAsked(state, received.from)) return refuse(state, received.from, 'not-the-peer');
      if (state.held.length >= MAX_WAITING) return refuse(state, received.from, 'too-many');
      return stay({ ...state, held: [...state.held, received] });
    },
    *close(context, state, { frame: { reason }, from }, now) {
      if (!isAsked(state, from)) return refuse(state, from, 'not-the-peer');
      const asked = state.asked.filter((signing) => !equal(signing, from.signing));
      // Somebody is there and says no, for all devices. Anything else is a device's own affair: another one may take it.
      if (reason === 'declined') {
        const { state: closed, outputs } = endedByThem(state, reason);
        return { state: closed, outputs: [...(yield* tellOthers(context, state, from, 'elsewhere')), ...outputs] };
      }
      const refusal = state.refusal === 'busy' ? 'busy' : reason;
      if (asked.length === 0) return endedByThem(state, refusal);
      const deadline = reason === 'busy' ? Math.min(state.deadline, now + RINGS_BESIDE_BUSY) : state.deadline;
      return stay({ ...state, asked, refusal, deadline });
    },
  },
  inputs: {
    hangUp: (context, state, { reason }) => end(context, state, reason, { address: state.callee.address }),
    *tick(context, state, { now }) {
      if (now < state.deadline) return stay(state);
      const { call, callee, refusal } = state;
      const told = yield* publish(context, { type: 'close', call, reason: 'timeout' }, { address: callee.address });
      const reason = refusal === 'busy' ? 'busy' : 'timeout';
      return { state: { phase: 'closed', call }, outputs: [...told, { kind: 'ended', reason, by: 'us' }] };
    },
  },
};

/** Whether the dial was sealed to that device, and it has not said no. */
function isAsked({ callee, asked }: Dialling, { address, signing }: Party): boolean {
  return address === callee.address && asked.some((each) => equal(each, signing));
}

/** The caller while its own description is being made. */
export const answering: Row<'answering'> = {
  frames: {
    offer: lateOffer,
    *ice(context, state, received) {
      return yield* takePeersIce(context, 'caller', state, received);
    },
    close: established.close,
  },
  inputs: {
    *describe(context, state, { sdp, now }) {
      const { call, peer, keys, offer } = state;
      const body = encodeDescription(present({ sdp }));
      const ct = yield* sealBody(context.provider, keys.answer, { call, type: 'answer', ctr: 0 }, body);
      const sealed = yield* context.seal({ type: 'answer', call, offer, ct }, peer);
      if (!sealed) return yield* fail(context, state, peer);
      const msg = yield* messageKeys(context.provider, keys, { call, offer, answer: sealed.hash });
      return {
        state: { phase: 'connecting', call, role: 'caller', peer, ice: state.ice, deadline: now + STEP_LIFE },
        outputs: [
          { kind: 'publish', type: 'answer', address: peer.address, bytes: sealed.bytes },
          { kind: 'keys', role: 'caller', peer, keys: msg },
        ],
      };
    },
    candidate: established.candidate,
    hangUp: established.hangUp,
    tick: established.expire,
  },
};

/** An offer when one was taken already. */
export function* lateOffer<State extends CallState & { readonly peer: Party }>(
  context: HandshakeContext,
  state: State,
  { from }: ReceivedFrame,
): Steps<Transition> {
  if (from.address !== state.peer.address) return refuse(state, from, 'not-the-peer');
  if (isPeer(state.peer, from)) return refuse(state, from, 'unexpected');
  const { call } = state;
  return stay(state, ...(yield* publish(context, { type: 'close', call, reason: 'elsewhere' }, from)));
}

/** Keys and description of an offer, or `undefined` when it is not an answer to our dial by the one that we meant. */
function* openOffer(context: HandshakeContext, state: Dialling, frame: OfferFrame, from: Party) {
  const { provider, self } = context;
  const { call, dial: dialHash, ephemeral, callee } = state;
  if (!equal(from.identity, callee.identity) || !equal(frame.dial, dialHash)) return undefined;
  const calleeKey = { kty: 'OKP', crv: 'X25519', x: frame.key } as const;
  const shared = yield* step(provider.agree(ephemeral, calleeKey));
  if (!shared) return undefined;
  const callerKey = (ephemeral.publicKey as OkpPublicKey).x;
  const transcript = { call, dial: dialHash, caller: self, callee: from, callerKey, calleeKey: frame.key };
  const keys = yield* handshakeKeys(provider, transcript, shared);
  const body = yield* openBody(provider, keys.offer, { call, type: 'offer', ctr: 0 }, frame.ct);
  const description = body && readDescription(body);
  return description ? { keys, description } : undefined;
}

/** A description under the right key that is none: the other side is broken. */
export function readDescription(body: Uint8Array): ReturnType<typeof decodeDescription> | undefined {
  try {
    return decodeDescription(body);
  } catch (error) {
    if (error instanceof SealMQError) return undefined;
    throw error;
  }
}

/** Candidates that came before the offer of their device. */
function* takeHeld(
  context: HandshakeContext,
  first: Answering,
  held: readonly ReceivedFrame[],
  before: readonly CallOutput[],
): Steps<Transition> {
  let state: CallState = first;
  const outputs = [...before];
  for (const received of held) {
    if (state.phase !== 'answering' || !isPeer(first.peer, received.from)) continue;
    const taken: Transition = yield* takePeersIce(context, 'caller', state, received);
    state = taken.state;
    outputs.push(...taken.outputs);
  }
  return { state, outputs };
}

function tellOthers(
  context: HandshakeContext,
  { call, callee }: Dialling,
  { signing }: Party,
  reason: CloseReason,
): Steps<readonly CallOutput[]> {
  return publish(context, { type: 'close', call, reason }, { address: callee.address, except: signing });
}
