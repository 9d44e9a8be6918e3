import type { Messenger } from '../../src/client/messenger.js';
import { nativeProvider } from '../../src/crypto/native.js';
import type { PrivateKey } from '../../src/crypto/provider.js';
import { run, type Steps, settled, step } from '../../src/crypto/steps.js';
import { keyThumbprint } from '../../src/crypto/thumbprints.js';
import { ring } from '../../src/protocol/call/callee.js';
import { dial } from '../../src/protocol/call/caller.js';
import { counter, recordCipher } from '../../src/protocol/call/cipher.js';
import {
  CALL_TYPE,
  type CallFrame,
  decodeCallFrame,
  encodeCallFrame,
  type FrameType,
} from '../../src/protocol/call/frame.js';
import { advance } from '../../src/protocol/call/handshake.js';
import type { MessageKeys, Party } from '../../src/protocol/call/keys.js';
import {
  decodeRecord,
  encodeCallControl,
  encodeRecordMessage,
  isRecordMessage,
  Stream,
} from '../../src/protocol/call/record.js';
import type {
  CallInput,
  CallOutput,
  CallState,
  HandshakeContext,
  ReceivedFrame,
  SealedFrame,
  Transition,
} from '../../src/protocol/call/state.js';
import { openSigned } from '../../src/protocol/envelope/open.js';
import { type Draft, sealSigned } from '../../src/protocol/envelope/seal.js';
import { type Account, activeDevices, activeSealKeys } from '../../src/protocol/identity/index.js';
import { liar, now, signKeyOf } from '../client/liar.js';
import { until, type World } from '../client/world.js';

const native = nativeProvider();

/** What is wrong with one frame; everything else about it is right. */
export interface Wrong {
  /** Other claims, or another family. */
  readonly draft?: Partial<Draft>;
  /** Signed by this key, which the message names. */
  readonly signKey?: PrivateKey;
  /** Signed by this key, while the message names the right one. */
  readonly forger?: PrivateKey;
  readonly frame?: (frame: CallFrame) => CallFrame;
}

type Received<Type extends FrameType> = ReceivedFrame & { readonly frame: Extract<CallFrame, { type: Type }> };

/** Somebody whose device composes each frame by hand, and can do one thing wrong; with one real messenger at the other end. */
export interface Tamperer {
  readonly address: string;
  readonly account: Account;
  readonly party: Party;
  /** Begins a call to the messenger. */
  dial(wrong?: Wrong): Promise<TamperedCall>;
  /** Waits until it is called. */
  ring(): Promise<TamperedCall>;
  /** Publishes a frame to the messenger. */
  send(frame: CallFrame, wrong?: Wrong): Promise<SealedFrame>;
  publish(bytes: Uint8Array): Promise<void>;
  /** The next frame of a type that nobody has asked for yet. */
  hears<Type extends FrameType>(type: Type): Promise<Received<Type>>;
}

/** One side of a call, by the table of the protocol. */
export interface TamperedCall {
  readonly state: CallState;
  readonly keys: MessageKeys | undefined;
  /** One step, and what it publishes. */
  does(input: CallInput): Promise<readonly CallOutput[]>;
  /** The same step with something wrong, as if it had not been made; from `state` where another one is given. */
  tries(input: CallInput, wrong: Wrong, state?: CallState): Promise<void>;
  /** Takes the next frame of a type in. */
  takes(type: FrameType): Promise<readonly CallOutput[]>;
  /** A record over the broker, under our key of messages. */
  record(stream: number, n: number, content: Uint8Array): Promise<Uint8Array>;
  /** The first record: with it the other side has a call. */
  hello(): Promise<void>;
}

function* devicesOf({ record }: Messenger): Steps<readonly Uint8Array[]> {
  const devices: Uint8Array[] = [];
  for (const { signKey } of activeDevices(record, now())) devices.push(yield* keyThumbprint(native, signKey));
  return devices;
}

/** @param account - another device's, of somebody who is there already */
export async function tamperer(world: World, address: string, peer: Messenger, known?: Account): Promise<Tamperer> {
  const account = known ?? (await liar(world, address));
  const { signKey, sealKey } = account.device;
  const signing = await run(keyThumbprint(native, signKey.publicKey));
  const party: Party = { address, identity: account.record.identity, signing };
  const heard: ReceivedFrame[] = [];
  const client = await world.client();
  client.on('message', async (_topic, payload) => {
    const bytes = new Uint8Array(payload);
    if (isRecordMessage(bytes)) return;
    const { outcome, signed } = await run(
      openSigned(native, bytes, {
        ...{ address, family: 'signal', keys: [sealKey], now: now() },
        senderKey: () => ({ key: signKeyOf(peer) }),
      }),
    );
    if (outcome.kind !== 'opened' || !signed) return;
    const from = { address: peer.address, identity: peer.record.identity, signing: outcome.message.senderKey };
    heard.push({ frame: decodeCallFrame(outcome.message.payload), from, hash: await native.sha256(signed) });
  });
  await client.subscribeAsync(`nes/${address}/signal`, { qos: 1 });

  function* sealed(frame: CallFrame, wrong: Wrong): Steps<SealedFrame> {
    const { draft, forger, frame: alter = (same: CallFrame) => same } = wrong;
    const provider = forger
      ? { ...native, sign: (_key: PrivateKey, data: Uint8Array) => native.sign(forger, data) }
      : native;
    const right: Draft = {
      ...{ from: address, audience: peer.address, issuedAt: now(), family: 'signal' },
      ...{ contentType: CALL_TYPE, payload: encodeCallFrame(alter(frame)) },
    };
    const keys = { signKey: wrong.signKey ?? signKey, recipients: activeSealKeys(peer.record, now()) };
    const { sealed: bytes, signed } = yield* sealSigned(provider, { ...right, ...draft }, keys);
    return { bytes, hash: yield* step(native.sha256(signed)), readers: yield* devicesOf(peer) };
  }
  const publish = async (bytes: Uint8Array) => {
    await client.publishAsync(`nes/${peer.address}/signal`, Buffer.from(bytes), { qos: 1 });
  };
  const context = (wrong: Wrong): HandshakeContext => ({
    provider: native,
    self: party,
    // The messenger at the other end is the only device there.
    seal: (frame, { except }) => (except ? settled(undefined) : sealed(frame, wrong)),
  });
  const perform = async (outputs: readonly CallOutput[]) => {
    for (const output of outputs) if (output.kind === 'publish') await publish(output.bytes);
  };
  const self: Tamperer = {
    ...{ address, account, party, publish },
    async dial(wrong = {}) {
      const id = native.randomBytes(16).slice();
      const callee = { address: peer.address, identity: peer.record.identity };
      const first = await run(dial(context(wrong), callee, id, Date.now()));
      await perform(first.outputs);
      return callOf(first);
    },
    async ring() {
      const received = await self.hears('dial');
      return callOf({ state: ring(party, received, Date.now()) as CallState, outputs: [] });
    },
    async send(frame, wrong = {}) {
      const one = await run(sealed(frame, wrong));
      await publish(one.bytes);
      return one;
    },
    hears: (type) =>
      until(() => {
        const at = heard.findIndex(({ frame }) => frame.type === type);
        return at < 0 ? undefined : (heard.splice(at, 1)[0] as Received<typeof type>);
      }),
  };

  function callOf({ state: first }: Transition): TamperedCall {
    let state = first;
    let keys: MessageKeys | undefined;
    let role = '';
    const call: TamperedCall = {
      get state() {
        return state;
      },
      get keys() {
        return keys;
      },
      async does(input) {
        const next = await run(advance(context({}), state, input));
        state = next.state;
        for (const output of next.outputs) if (output.kind === 'keys') ({ keys, role } = output);
        await perform(next.outputs);
        return next.outputs;
      },
      async tries(input, wrong, from = state) {
        await perform((await run(advance(context(wrong), from, input))).outputs);
      },
      takes: async (type) => call.does({ kind: 'frame', received: await self.hears(type), now: Date.now() }),
      async record(stream, n, content) {
        const key = keys?.[role === 'caller' ? 'msg-a' : 'msg-b'];
        if (!key) throw new RangeError('no keys yet');
        const ctr = counter(n, stream);
        const sealed = await recordCipher(native, key, state.call).seal(ctr, [content]);
        return encodeRecordMessage(state.call, decodeRecord(sealed));
      },
      async hello() {
        const content = encodeCallControl({ kind: 'hello', maxMessageBytes: 1 << 20, next: 0, spent: 0 });
        await publish(await call.record(Stream.control, 0, content));
      },
    };
    return call;
  }
  return self;
}
