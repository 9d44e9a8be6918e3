import { equal } from '../../src/bytes/bytes.js';
import { nativeProvider } from '../../src/crypto/native.js';
import type { PrivateKey } from '../../src/crypto/provider.js';
import { atOnce, run } from '../../src/crypto/steps.js';
import { keyThumbprint } from '../../src/crypto/thumbprints.js';
import { CALL_TYPE, type CallFrame, encodeCallFrame } from '../../src/protocol/call/frame.js';
import { advance } from '../../src/protocol/call/handshake.js';
import type { Party } from '../../src/protocol/call/keys.js';
import type {
  CallInput,
  CallState,
  HandshakeContext,
  Readers,
  ReceivedFrame,
  Transition,
} from '../../src/protocol/call/state.js';
import { sealSigned } from '../../src/protocol/envelope/seal.js';

export const native = nativeProvider();
export const NOW = 1_900_000_000_000;

/** A device that can take part in a handshake, and the frames it has sealed so far. */
export interface Actor {
  readonly party: Party;
  readonly signKey: PrivateKey;
  readonly sealKey: PrivateKey;
  readonly context: HandshakeContext;
  readonly sent: { readonly to: Readers; readonly received: ReceivedFrame }[];
}

const everybody = new Map<string, Actor[]>();

/** A new device of an address; `like` for another device of the same account. */
export function actor(address: string, like?: Actor): Actor {
  const [identityKey, signKey] = [atOnce(native.generateKey('Ed25519')), atOnce(native.generateKey('Ed25519'))];
  const sealKey = atOnce(native.generateKey('X25519'));
  const thumbprint = (key: PrivateKey) => atOnce(run(keyThumbprint(native, key.publicKey)));
  const identity = like?.party.identity ?? thumbprint(identityKey);
  const party: Party = { address, identity, signing: thumbprint(signKey) };
  const sent: Actor['sent'] = [];
  const context: HandshakeContext = {
    provider: native,
    self: party,
    *seal(frame, to) {
      const readers = readersOf(to);
      if (readers.length === 0) return undefined;
      const draft = {
        ...{ from: address, audience: to.address, issuedAt: NOW / 1000, family: 'signal' as const },
        ...{ contentType: CALL_TYPE, payload: encodeCallFrame(frame) },
      };
      const recipients = readers.map((reader) => reader.sealKey.publicKey);
      const { sealed, signed } = yield* sealSigned(native, draft, { signKey, recipients });
      const hash = atOnce(native.sha256(signed));
      sent.push({ to, received: { frame, from: party, hash } });
      return { bytes: sealed, hash, readers: readers.map(({ party }) => party.signing) };
    },
  };
  const self = { party, signKey, sealKey, context, sent };
  everybody.set(address, [...(like ? (everybody.get(address) ?? []) : []), self]);
  return self;
}

function readersOf({ address, signing, except }: Readers): readonly Actor[] {
  return (everybody.get(address) ?? []).filter(
    ({ party }) => (!signing || equal(signing, party.signing)) && !(except && equal(except, party.signing)),
  );
}

/** One step of an actor's side of a call. */
export function go({ context }: Actor, state: CallState, input: CallInput): Transition {
  return atOnce(run(advance(context, state, input)));
}

/** The last frame of a type that an actor has sent. */
export function lastSent<Type extends CallFrame['type']>(
  { sent }: Actor,
  type: Type,
): ReceivedFrame & { readonly frame: Extract<CallFrame, { type: Type }> } {
  const found = sent.findLast(({ received }) => received.frame.type === type);
  if (!found) throw new RangeError(`no ${type} was sent`);
  return found.received as never;
}

/** The frame as an input. */
export function framed(received: ReceivedFrame, now = NOW): CallInput {
  return { kind: 'frame', received, now };
}
