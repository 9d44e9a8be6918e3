import { x25519 } from '@noble/curves/ed25519.js';
import { concat, toHex, utf8 } from '../../src/bytes/bytes.js';
import type { OkpPublicKey } from '../../src/cose/key.js';
import { encodePrivateKey } from '../../src/cose/key.js';
import { nativeProvider } from '../../src/crypto/native.js';
import type { CryptoProvider } from '../../src/crypto/provider.js';
import { atOnce, run, type Steps } from '../../src/crypto/steps.js';
import { ring } from '../../src/protocol/call/callee.js';
import { dial } from '../../src/protocol/call/caller.js';
import { counter, recordCipher } from '../../src/protocol/call/cipher.js';
import { CALL_TYPE, type CallFrame, encodeCallFrame } from '../../src/protocol/call/frame.js';
import { advance } from '../../src/protocol/call/handshake.js';
import { firstHash, handshakeKeys, type MessageKeys, type Party, secondHash } from '../../src/protocol/call/keys.js';
import {
  decodeRecord,
  encodeCallControl,
  encodeChunk,
  encodeRecordMessage,
  Stream,
} from '../../src/protocol/call/record.js';
import type { CallInput, CallState, HandshakeContext, SealedFrame, Transition } from '../../src/protocol/call/state.js';
import { sealSigned } from '../../src/protocol/envelope/seal.js';
import { fixedBytes, fixedProvider } from './fixed-provider.js';
import { key, thumbprintOf } from './keys.js';

const native = nativeProvider();
const NOW = 1_900_000_000;
const CALL = fixedBytes('call/id', 16);

const partyOf = (address: string, identity: string, signing: string): Party => ({
  ...{ address, identity: thumbprintOf(identity), signing: thumbprintOf(signing) },
});
const alice = partyOf('alice', 'alice.identity', 'alice.sign');
const bob = partyOf('bob', 'bob.identity', 'bob.phone.sign');

/** A side of the call whose frames are kept as they go out. */
function sideOf(self: Party, names: { sign: string; to: string; toAddress: string; toDevice: Uint8Array }) {
  const sent: { readonly frame: CallFrame; readonly sealed: SealedFrame; readonly signed: Uint8Array }[] = [];
  const ephemeral = fixedBytes(`call/ephemeral/${self.address}`);
  const { provider } = fixedProvider(`call/${self.address}`);
  const fixed: CryptoProvider = { ...provider, generateKey: () => privateKeyOf(ephemeral) };
  const context: HandshakeContext = {
    provider: fixed,
    self,
    *seal(frame): Steps<SealedFrame> {
      const draft = {
        ...{ from: self.address, audience: names.toAddress, issuedAt: NOW, family: 'signal' as const },
        ...{ contentType: CALL_TYPE, payload: encodeCallFrame(frame) },
      };
      const signKey = key(names.sign);
      const { sealed, signed } = yield* sealSigned(fixed, draft, { signKey, recipients: [key(names.to).publicKey] });
      const result = { bytes: sealed, hash: atOnce(native.sha256(signed)), readers: [names.toDevice] };
      sent.push({ frame, sealed: result, signed });
      return result;
    },
  };
  return { context, sent, ephemeral, publicKey: x25519.getPublicKey(ephemeral) };
}

function privateKeyOf(d: Uint8Array) {
  const publicKey: OkpPublicKey = { kty: 'OKP', crv: 'X25519', x: x25519.getPublicKey(d) };
  return native.importPrivateKey('X25519', encodePrivateKey(publicKey, { d }));
}

/** One call from Alice to Bob's phone, from the dial to the first records. */
export function callVectors() {
  const toBob = { to: 'bob.phone.seal', toAddress: 'bob', toDevice: bob.signing };
  const toAlice = { to: 'alice.seal', toAddress: 'alice', toDevice: alice.signing };
  const caller = sideOf(alice, { sign: 'alice.sign', ...toBob });
  const callee = sideOf(bob, { sign: 'bob.phone.sign', ...toAlice });
  const step = (side: typeof caller, state: CallState, input: CallInput): Transition =>
    atOnce(run(advance(side.context, state, input)));
  const frameOf = (side: typeof caller, from: Party, type: CallFrame['type']) => {
    const found = side.sent.find(({ frame }) => frame.type === type);
    if (!found) throw new RangeError(`no ${type} was sent`);
    return { frame: found.frame, from, hash: found.sealed.hash };
  };

  const dialling = atOnce(run(dial(caller.context, bob, CALL, NOW * 1000))).state;
  const dialled = frameOf(caller, alice, 'dial');
  const ringing = ring(bob, dialled as Parameters<typeof ring>[1], NOW * 1000);
  if (!ringing) throw new RangeError('not for Bob');
  const now = NOW * 1000;
  const offering = step(callee, ringing, { kind: 'accept', sdp: 'v=0 (an offer)', now }).state;
  const offer = frameOf(callee, bob, 'offer');
  const answering = step(caller, dialling, { kind: 'frame', received: offer, now }).state;
  const connecting = step(caller, answering, { kind: 'describe', sdp: 'v=0 (an answer)', now });
  const answer = frameOf(caller, alice, 'answer');
  const candidate = { candidate: 'candidate:1 1 udp 2130706431 192.0.2.1 50000 typ host', mid: '0' };
  step(caller, connecting.state, { kind: 'candidate', round: 0, candidate });
  const connected = step(callee, offering, { kind: 'frame', received: answer, now });
  const [callersKeys, calleesKeys] = [keysIn(connecting), keysIn(connected)];
  if (toHex(callersKeys['msg-a']) !== toHex(calleesKeys['msg-a'])) throw new RangeError('the keys differ');

  const shared = x25519.getSharedSecret(caller.ephemeral, callee.publicKey);
  const transcript = {
    ...{ call: CALL, dial: dialled.hash, caller: alice, callee: bob },
    ...{ callerKey: caller.publicKey, calleeKey: callee.publicKey },
  };
  const keys = atOnce(run(handshakeKeys(native, transcript, shared)));
  const second = { th1: keys.th1, offer: offer.hash, answer: answer.hash };
  return {
    source: 'made by scripts/make-vectors.ts; the long-lived keys are those of envelope.json',
    now: NOW,
    call: toHex(CALL),
    parties: [alice, bob].map(({ address, identity, signing }) => ({
      ...{ address, identity: toHex(identity), signing: toHex(signing) },
    })),
    ephemeral: [caller, callee].map((side) => ({ private: toHex(side.ephemeral), public: toHex(side.publicKey) })),
    frames: [...caller.sent, ...callee.sent].map(({ frame, sealed, signed }) => ({
      ...{ type: frame.type, frame: toHex(encodeCallFrame(frame)), sealed: toHex(sealed.bytes) },
      ...{ signed: toHex(signed), hash: toHex(sealed.hash) },
    })),
    schedule: {
      shared: toHex(shared),
      th1: toHex(atOnce(run(firstHash(native, transcript)))),
      prk1: toHex(keys.prk1),
      offer: toHex(keys.offer),
      answer: toHex(keys.answer),
      'ice-a': toHex(keys['ice-a']),
      'ice-b': toHex(keys['ice-b']),
      th2: toHex(atOnce(run(secondHash(native, second)))),
      'msg-a': toHex(callersKeys['msg-a']),
      'msg-b': toHex(callersKeys['msg-b']),
    },
    records: recordVectors(callersKeys),
  };
}

/** The records that each side begins with, and one of the application. */
function recordVectors(keys: MessageKeys) {
  const contents: readonly {
    readonly key: keyof MessageKeys;
    readonly stream: keyof typeof Stream;
    readonly n: number;
    readonly content: readonly Uint8Array[];
  }[] = [
    {
      key: 'msg-a',
      stream: 'control',
      n: 0,
      content: [encodeCallControl({ kind: 'hello', maxMessageBytes: 2 ** 26, next: 0, spent: 0 })],
    },
    {
      key: 'msg-b',
      stream: 'control',
      n: 0,
      content: [encodeCallControl({ kind: 'ack', next: 1, credit: 2 ** 22, taken: 0 })],
    },
    {
      key: 'msg-a',
      stream: 'ordered',
      n: 0,
      content: encodeChunk({ text: true, last: true, bytes: utf8('Hello Bob!') }),
    },
    {
      ...{ key: 'msg-a', stream: 'ordered', n: 1 },
      content: [
        ...encodeChunk({ text: false, last: true, bytes: fixedBytes('call/first', 5) }),
        ...encodeChunk({ text: true, last: true, bytes: utf8('in one record') }),
      ],
    },
    { key: 'msg-a', stream: 'ordered', n: 2, content: encodeChunk({ unordered: 3 }) },
    {
      ...{ key: 'msg-b', stream: 'unordered', n: 3 },
      content: encodeChunk({
        text: false,
        last: true,
        place: { message: 2, index: 1 },
        bytes: fixedBytes('call/chunk', 8),
      }),
    },
  ];
  return contents.map(({ key: name, stream, n, content }) => {
    const record = atOnce(recordCipher(native, keys[name], CALL).seal(counter(n, Stream[stream]), content));
    return {
      ...{ key: name, stream, n, content: toHex(concat(...content)) },
      ...{ record: toHex(record), message: toHex(encodeRecordMessage(CALL, decodeRecord(record))) },
    };
  });
}

function keysIn({ outputs }: Transition): MessageKeys {
  const found = outputs.find((output) => output.kind === 'keys');
  if (found?.kind !== 'keys') throw new RangeError('no keys');
  return found.keys;
}
