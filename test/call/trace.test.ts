import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { nodeDataChannelRtc } from '../../src/adapters/rtc/node-datachannel.js';
import { equal } from '../../src/bytes/bytes.js';
import { decodePrivateKey, type OkpPublicKey } from '../../src/cose/key.js';
import { nativeProvider } from '../../src/crypto/native.js';
import type { PrivateKey } from '../../src/crypto/provider.js';
import { atOnce } from '../../src/crypto/steps.js';
import type { Rtc } from '../../src/ports/rtc.js';
import { type CallFrame, encodeCallFrame, type FrameType } from '../../src/protocol/call/frame.js';
import { decodeRecord, decodeRecordMessage, isRecordMessage } from '../../src/protocol/call/record.js';
import type { DeviceEntry } from '../../src/protocol/identity/device.js';
import { signKeyOf } from '../client/liar.js';
import { createWorld, until } from '../client/world.js';
import { type Addressee, guesses, keysFrom, opens, opensBody, opensRecord } from './observer.js';
import { type Reading, type Recording, read, record } from './recorded.js';
import { connect, first } from './talking.js';

const native = nativeProvider();

const SECRET = 'the secret of the line';

const STACKS = { 'node-datachannel': () => nodeDataChannelRtc(), 'MQTT alone': () => false as const };

interface Message {
  readonly topic: string;
  readonly bytes: Uint8Array;
}

interface RecordedCall extends Recording {
  /** What came to somebody who listens to all topics, and the key records of both. */
  readonly observed: readonly Message[];
  readonly records: readonly Uint8Array[];
}

/** A whole call of Alice to Bob, from the dial to the end. */
async function recordedCall(rtc: Rtc | false): Promise<RecordedCall> {
  const world = await createWorld();
  // However long the stack takes: it is about the direct way.
  const recording = await record(world, { rtc, fallbackAfter: 60_000 });
  const observed: Message[] = [];
  const observer = await world.client();
  observer.on('message', (topic, payload) => observed.push({ topic, bytes: new Uint8Array(payload) }));
  await observer.subscribeAsync('#', { qos: 1 });
  const [a, b] = await connect(recording.alice, recording.bob);
  const heard = first(b);
  await a.send(SECRET);
  expect(await heard).toBe(SECRET);
  await a.hangUp();
  await b.ended;
  const published = recording.passed.filter(({ way }) => way === 'mqtt').length;
  await until(() => (observed.length >= published ? true : undefined));
  const records = await Promise.all(
    ['alice', 'bob'].map(async (address) => {
      const answer = await fetch(`${world.directory.url}/v1/keys/${address}`);
      return new Uint8Array(await answer.arrayBuffer());
    }),
  );
  return { ...recording, passed: [...recording.passed], observed, records };
}

/** One call of each kind, for all tests. */
const recorded = new Map<string, Promise<RecordedCall>>();

function aCallOver(name: keyof typeof STACKS): Promise<RecordedCall> {
  const call = recorded.get(name) ?? recordedCall(STACKS[name]());
  recorded.set(name, call);
  return call;
}

/** The arrows of the diagram in the documentation, from top to bottom. */
function diagram(): string[] {
  const page = readFileSync(new URL('../../docs/calls.md', import.meta.url), 'utf8');
  const [, picture = ''] = /## How it goes\n\n```\n([^`]*)```/.exec(page) ?? [];
  return picture.split('\n').flatMap((line) => /[─═] (\w+)[:,]? /.exec(line)?.slice(1) ?? []);
}

/** What was said, each thing where it was said first. */
const arrows = ({ said }: Reading): string[] => [...new Set(said.map(({ what }) => what))];

const among = (words: readonly string[], wanted: readonly string[]) => words.filter((word) => wanted.includes(word));

function frameOf<T extends FrameType>({ said }: Reading, type: T) {
  const found = said.flatMap((one) => ('frame' in one && one.what === type ? [one] : []));
  return found[0] as unknown as { readonly frame: Extract<CallFrame, { type: T }>; readonly hash: Uint8Array };
}

test('each arrow of the diagram is in the recording of a real call, in its place', { timeout: 60_000 }, async () => {
  const call = await read(await aCallOver('node-datachannel'));
  const drawn = diagram();
  expect(drawn).toEqual(['dial', 'offer', 'answer', 'ice', 'hello', 'close']);
  // Candidates go as soon as there are keys: they may overtake the answer, and nothing else.
  const others = drawn.filter((word) => word !== 'ice');
  expect(among(arrows(call), others)).toEqual(others);
  const { said } = call;
  const at = (what: string, from?: string) =>
    said.findIndex((one) => one.what === what && (!from || one.from === from));
  for (const from of ['alice', 'bob']) {
    expect(at('ice', from)).toBeGreaterThan(at('offer'));
    expect(at('ice', from)).toBeLessThan(at('hello'));
  }
  expect(said[at('dial')]?.from).toBe('alice');
  expect(said[at('offer')]?.from).toBe('bob');
  expect(said[at('answer')]?.from).toBe('alice');
  // The rest of the line's own words, each behind what it is about.
  const words = ['hello', 'message', 'end', 'close'];
  expect(among(arrows(call), words)).toEqual(words);
  expect(at('ack', 'bob')).toBeGreaterThan(at('message'));
  const ways = new Map(said.map(({ what, way }) => [what, way]));
  expect(Object.fromEntries(ways)).toMatchObject({
    dial: 'mqtt',
    ice: 'mqtt',
    hello: 'rtc',
    message: 'rtc',
    close: 'mqtt',
  });
  expect(said.flatMap((one) => (one.what === 'message' ? [one.text] : []))).toEqual([SECRET]);
});

test('each frame of a real call holds what the one before it was', async () => {
  const call = await read(await aCallOver('node-datachannel'));
  const [dial, offer, answer] = [frameOf(call, 'dial'), frameOf(call, 'offer'), frameOf(call, 'answer')];
  expect(offer.frame.dial).toEqual(dial.hash);
  expect(answer.frame.offer).toEqual(offer.hash);
  expect(offer.frame.key).not.toEqual(dial.frame.key);
  for (const sdp of Object.values(call.descriptions))
    expect(sdp).toMatch(/^a=fingerprint:sha-256 ([0-9A-F]{2}:){31}/im);
});

/** What may be a key of all that is public about a call: the records of both, and what went over the broker. */
function publicGuesses({ records, observed }: RecordedCall): Uint8Array[] {
  return guesses([...records, ...observed.map(({ bytes }) => bytes)]);
}

function addresseeOf({ alice, bob }: Recording, topic: string): Addressee {
  const [sender, addressee] = topic === 'nes/bob/signal' ? [alice, bob] : [bob, alice];
  const { sealKey } = addressee.record.devices[0] as DeviceEntry;
  return { address: addressee.address, sealKey, signKey: signKeyOf(sender) };
}

/** The private X25519 keys among `keys`, as they are. */
function scalars(keys: readonly PrivateKey[]): Uint8Array[] {
  const own = keys.filter(({ algorithm }) => algorithm === 'X25519');
  return own.map((key) => decodePrivateKey(atOnce(native.exportPrivateKey(key))).secrets.d);
}

describe.each(Object.keys(STACKS) as (keyof typeof STACKS)[])('of a call over %s', (name) => {
  test('whoever listens to all topics, and knows all that is public, reads nothing', async () => {
    const call = await aCallOver(name);
    const { keys } = await read(call);
    const known = publicGuesses(call);
    const secrets = [...scalars(call.keys), ...keys];
    for (const { topic, bytes } of call.observed) {
      const to = addresseeOf(call, topic);
      expect(opens(known, bytes, to)).toBe(false);
      // Not for want of trying.
      expect(opens([...known, ...secrets], bytes, to)).toBe(true);
    }
  });

  test('whoever steals the keys of both devices afterwards sees the frames, and not what is encrypted in them', async () => {
    const call = await aCallOver(name);
    const reading = await read(call);
    const held = [call.alice, call.bob].map(({ record: { devices } }) => devices[0]?.sealKey as OkpPublicKey);
    const stolen = call.keys.filter(({ publicKey }) => held.some((key) => equal(key.x, (publicKey as OkpPublicKey).x)));
    expect(stolen).toHaveLength(2);
    const frames = reading.said.flatMap((one) => ('frame' in one ? [one.frame] : []));
    const known = keysFrom(
      [...publicGuesses(call), ...scalars(stolen), ...guesses(frames.map((frame) => encodeCallFrame(frame)))],
      reading.transcript,
    );
    const ephemeral = keysFrom(scalars(call.keys), reading.transcript);
    const bodies = frames.filter((frame) => 'ct' in frame);
    expect(bodies.length).toBeGreaterThanOrEqual(2);
    for (const frame of bodies) {
      expect(opensBody(known, frame)).toBe(false);
      expect(opensBody(ephemeral, frame)).toBe(true);
    }
    const records = call.passed.filter(({ way, bytes }) => way === 'rtc' || isRecordMessage(bytes));
    expect(records.length).toBeGreaterThan(2);
    for (const { way, bytes } of records) {
      const record = way === 'rtc' ? decodeRecord(bytes) : decodeRecordMessage(bytes);
      expect(opensRecord(known, reading.transcript.call, record)).toBe(false);
      expect(opensRecord(reading.keys, reading.transcript.call, record)).toBe(true);
    }
  });
});
