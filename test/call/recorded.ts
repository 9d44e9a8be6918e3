import { equal } from '../../src/bytes/bytes.js';
import type { CallOptions } from '../../src/client/call/settings.js';
import type { Messenger } from '../../src/client/messenger.js';
import { nativeProvider } from '../../src/crypto/native.js';
import type { CryptoProvider, PrivateKey } from '../../src/crypto/provider.js';
import { run } from '../../src/crypto/steps.js';
import { keyThumbprint } from '../../src/crypto/thumbprints.js';
import type { Rtc } from '../../src/ports/rtc.js';
import { decodeDescription } from '../../src/protocol/call/body.js';
import { openBody, readCounter, recordCipher } from '../../src/protocol/call/cipher.js';
import { type CallFrame, decodeCallFrame, type FrameType } from '../../src/protocol/call/frame.js';
import {
  type HandshakeKeys,
  handshakeKeys,
  type MessageKeys,
  messageKeys,
  type Party,
  type Transcript,
} from '../../src/protocol/call/keys.js';
import {
  type CallControl,
  type CallRecord,
  decodeCallControl,
  decodeChunks,
  decodeRecord,
  decodeRecordMessage,
  isRecordMessage,
  Stream,
} from '../../src/protocol/call/record.js';
import { openSigned } from '../../src/protocol/envelope/open.js';
import { now, signKeyOf } from '../client/liar.js';
import { tap } from '../client/tapped.js';
import type { World } from '../client/world.js';

const native = nativeProvider();

type Side = 'alice' | 'bob';
const other = (side: Side): Side => (side === 'alice' ? 'bob' : 'alice');

/** Something that went from one side to the other. */
export interface Passed {
  readonly from: Side;
  readonly way: 'mqtt' | 'rtc';
  readonly bytes: Uint8Array;
}

/** Two messengers of whose calls everything is written down, and every private key that they made on the way. */
export interface Recording {
  readonly alice: Messenger;
  readonly bob: Messenger;
  /** In the order of cause and effect: all of it happens in this process. */
  readonly passed: readonly Passed[];
  readonly keys: readonly PrivateKey[];
}

export async function record(
  world: World,
  calls: Omit<CallOptions, 'rtc'> & { readonly rtc: Rtc | false },
): Promise<Recording> {
  const passed: Passed[] = [];
  const keys: PrivateKey[] = [];
  const join = (side: Side) =>
    world.join(side, {
      broker: tap(world, ({ payload }) => passed.push({ from: side, way: 'mqtt', bytes: payload })).transport(),
      provider: keeping(keys),
      calls: {
        ...calls,
        rtc: calls.rtc && listening(calls.rtc, (bytes) => passed.push({ from: other(side), way: 'rtc', bytes })),
      },
    });
  const [alice, bob] = [await join('alice'), await join('bob')];
  // Registration and contacts are another story.
  passed.length = 0;
  return { alice, bob, passed, keys };
}

/** The native backend, which cannot keep a key to itself. */
function keeping(keys: PrivateKey[]): CryptoProvider {
  return {
    ...native,
    generateKey(algorithm, extractable) {
      const key = native.generateKey(algorithm, extractable) as PrivateKey;
      keys.push(key);
      return key;
    },
  };
}

function listening(rtc: Rtc, heard: (bytes: Uint8Array) => void): Rtc {
  return {
    name: rtc.name,
    create: ({ handlers, ...options }) =>
      rtc.create({
        ...options,
        handlers: {
          ...handlers,
          message(channel, bytes) {
            heard(bytes.slice());
            handlers.message(channel, bytes);
          },
        },
      }),
  };
}

/** What was said, for whoever has the keys: a frame of the handshake, or the content of a record. */
export type Said = { readonly from: Side; readonly way: Passed['way'] } & (
  | { readonly what: FrameType; readonly frame: CallFrame; readonly hash: Uint8Array }
  | { readonly what: CallControl['kind'] | 'end' }
  | { readonly what: 'message'; readonly text: string }
);

/** A call that was read with the private keys of both. */
export interface Reading {
  readonly said: readonly Said[];
  /** What offer and answer describe. */
  readonly descriptions: Readonly<Record<'offer' | 'answer', string | undefined>>;
  readonly transcript: Transcript;
  /** What it was encrypted under. */
  readonly keys: readonly Uint8Array[];
}

/** Reads a recording of one call from Alice to Bob, with the keys that were made on the way, by the specification alone. */
export async function read({ alice, bob, passed, keys }: Recording): Promise<Reading> {
  const sides = { alice, bob };
  const said: Said[] = [];
  const learnt: Learnt = { caller: await partyOf(alice), callee: await partyOf(bob), keys };
  for (const { from, way, bytes } of passed) {
    if (way === 'rtc' || isRecordMessage(bytes)) {
      const record = way === 'rtc' ? decodeRecord(bytes) : decodeRecordMessage(bytes);
      for (const content of await contentOf(learnt, from, record)) said.push({ from, way, ...content });
      continue;
    }
    const opened = await run(
      openSigned(native, bytes, {
        ...{ address: other(from), family: 'signal', keys, now: now() },
        senderKey: () => ({ key: signKeyOf(sides[from]) }),
      }),
    );
    if (opened.outcome.kind !== 'opened' || !opened.signed)
      throw new RangeError(`a frame that is ${opened.outcome.kind}`);
    const frame = decodeCallFrame(opened.outcome.message.payload);
    const hash = await native.sha256(opened.signed);
    said.push({ from, way, what: frame.type, frame, hash });
    await follow(learnt, frame, hash);
  }
  const { transcript, handshake, messages, offered, answered } = learnt;
  if (!transcript || !handshake || !messages) throw new RangeError('no whole call');
  return {
    ...{ said, transcript, descriptions: { offer: offered, answer: answered } },
    keys: [...Object.values(handshake), ...Object.values(messages)],
  };
}

/** What is known of a call as far as it was read. */
interface Learnt {
  readonly caller: Party;
  readonly callee: Party;
  readonly keys: readonly PrivateKey[];
  dial?: { readonly hash: Uint8Array; readonly key: Uint8Array };
  offer?: Uint8Array;
  transcript?: Transcript;
  handshake?: HandshakeKeys;
  messages?: MessageKeys;
  offered?: string | undefined;
  answered?: string | undefined;
}

async function follow(learnt: Learnt, frame: CallFrame, hash: Uint8Array): Promise<void> {
  const { caller, callee, keys, dial, handshake, offer } = learnt;
  const { call } = frame;
  if (frame.type === 'dial') learnt.dial = { hash, key: frame.key };
  if (frame.type === 'offer' && dial) {
    const ephemeral = keys.find(
      ({ publicKey }) => publicKey.kty === 'OKP' && equal(publicKey.x, dial.key),
    ) as PrivateKey;
    const shared = (await native.agree(ephemeral, { kty: 'OKP', crv: 'X25519', x: frame.key })) as Uint8Array;
    learnt.transcript = { ...{ call, caller, callee }, dial: dial.hash, callerKey: dial.key, calleeKey: frame.key };
    learnt.handshake = await run(handshakeKeys(native, learnt.transcript, shared));
    learnt.offer = hash;
    learnt.offered = await describedIn(learnt.handshake.offer, frame);
  }
  if (frame.type === 'answer' && handshake && offer) {
    learnt.messages = await run(messageKeys(native, handshake, { call, offer, answer: hash }));
    learnt.answered = await describedIn(handshake.answer, frame);
  }
}

async function describedIn(
  key: Uint8Array,
  { call, type, ct }: Extract<CallFrame, { type: 'offer' | 'answer' }>,
): Promise<string | undefined> {
  const body = await run(openBody(native, key, { call, type, ctr: 0 }, ct));
  return body ? decodeDescription(body).sdp : undefined;
}

async function contentOf({ messages, transcript }: Learnt, from: Side, { ctr, ct }: CallRecord) {
  if (!messages || !transcript) throw new RangeError('a record before its keys');
  const key = messages[from === 'alice' ? 'msg-a' : 'msg-b'];
  const content = await recordCipher(native, key, transcript.call).open(ctr, ct);
  if (!content) throw new RangeError('a record that the keys of the call do not open');
  if (readCounter(ctr).high === Stream.control) return [{ what: decodeCallControl(content).kind }];
  return decodeChunks(content).map((chunk) =>
    'unordered' in chunk
      ? { what: 'end' as const }
      : { what: 'message' as const, text: Buffer.from(chunk.bytes).toString() },
  );
}

async function partyOf({ address, record: { identity, devices } }: Messenger): Promise<Party> {
  const [device] = devices;
  if (!device) throw new RangeError('no device');
  return { address, identity, signing: await run(keyThumbprint(native, device.signKey)) };
}
