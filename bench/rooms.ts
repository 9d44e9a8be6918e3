/** Frames of a room beside the bare AES-256-GCM calls, and what a join and a re-keying cost. */
import { createCipheriv, createDecipheriv, randomBytes, webcrypto } from 'node:crypto';
import { sealSync } from 'sealmq/envelope';
import { createFrameMemory } from '../src/client/room/frame-memory.js';
import { nativeProvider } from '../src/crypto/native.js';
import type { CryptoProvider } from '../src/crypto/provider.js';
import { run } from '../src/crypto/steps.js';
import { webcryptoProvider } from '../src/crypto/webcrypto.js';
import { encodeFrame, frameMetadata } from '../src/protocol/room/room-frame.js';
import { newSenderKey } from '../src/protocol/room/sender-key.js';
import { openFrame, sealFrame } from '../src/protocol/room/sframe.js';
import { type Published, Simulation } from '../test/room/simulation.js';
import { provider, recordLength, sealDraft, sealKeys } from './fixture.js';
import { type Result, sideBySide, type Work } from './measure.js';

const SIZES = [
  [100, '100 B'],
  [1024, '1 KiB'],
  [16_384, '16 KiB'],
] as const;

const metadata = frameMetadata({ room: 'room-1', kind: 'frame', address: 'alice', device: 'alicephonealicep' });
const key = randomBytes(32);
const iv = randomBytes(12);

/** Frames sealed and opened, on each backend. */
export async function frames(): Promise<Result[]> {
  const results: Result[] = [];
  for (const [size, label] of SIZES) {
    const payload = new Uint8Array(size).fill(65);
    results.push(...(await beside('native', nativeProvider(), payload, label, nativeCalls(payload))));
    results.push(...(await beside('webcrypto', webcryptoProvider(), payload, label, await webCalls(payload))));
  }
  return results;
}

async function beside(
  name: string,
  provider: CryptoProvider,
  payload: Uint8Array,
  label: string,
  raw: Record<'seal' | 'open', Work>,
): Promise<Result[]> {
  const { frameKey } = await run(newSenderKey(provider, 0));
  let ctr = 0n;
  const allocate = createFrameMemory();
  const seal = () => run(sealFrame(provider, frameKey, ctr++, metadata, encodeFrame(payload), allocate));
  const frame = await seal();
  const times = await sideBySide({
    seal,
    'raw seal': raw.seal,
    open: () => run(openFrame(provider, frameKey, metadata, frame)),
    'raw open': raw.open,
  });
  return (['seal', 'open'] as const).map((verb) => ({
    name: `frame ${verb} ${label}, ${name}`,
    value: times[verb],
    unit: 'µs',
    beside: 'AES-256-GCM',
    ratio: times[verb] / times[`raw ${verb}`],
  }));
}

function nativeCalls(payload: Uint8Array): Record<'seal' | 'open', Work> {
  const seal = () => {
    const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(metadata);
    return [cipher.update(payload), cipher.final(), cipher.getAuthTag()] as const;
  };
  const [body, , tag] = seal();
  return {
    seal,
    open() {
      const decipher = createDecipheriv('aes-256-gcm', key, iv).setAAD(metadata).setAuthTag(tag);
      return [decipher.update(body), decipher.final()];
    },
  };
}

async function webCalls(payload: Uint8Array): Promise<Record<'seal' | 'open', Work>> {
  const { subtle } = webcrypto;
  const cryptoKey = await subtle.importKey('raw', key, 'AES-GCM', false, ['encrypt', 'decrypt']);
  const parameters = { name: 'AES-GCM', iv, additionalData: metadata };
  const sealed = await subtle.encrypt(parameters, cryptoKey, payload);
  return {
    seal: () => subtle.encrypt(parameters, cryptoKey, payload),
    open: () => subtle.decrypt(parameters, cryptoKey, sealed),
  };
}

/** Long pauses between heartbeats: they are not what is counted here, and grow with the square of the members. */
const QUIET = { heartbeat: 60_000, silentAfter: 300_000, goneAfter: 600_000 };

/** What one more member costs a room, in the simulator: messages and their bytes. And what a frame costs its sender. */
export async function membership(): Promise<Result[]> {
  const results: Result[] = [];
  for (const members of [2, 10, 100]) results.push(...(await joinCost(members, 'all know each other')));
  // To acquaint 500 with each other takes minutes and a gigabyte, and nothing of it is the newcomer's cost: 100 show that.
  for (const members of [100, 500]) results.push(...(await joinCost(members, 'each knows the newcomer')));
  return [...results, ...(await fanOut())];
}

/** @param acquaintance - of those that are in the room before */
async function joinCost(
  members: number,
  acquaintance: 'all know each other' | 'each knows the newcomer',
): Promise<Result[]> {
  const simulation = new Simulation(members);
  const [newcomer = '', ...others] = Array.from({ length: members }, (_, i) => `member${i}`);
  const isFull = acquaintance === 'all know each other';
  for (const name of others) {
    const other = await simulation.join(name, { admit: isFull ? [newcomer, ...others] : [newcomer], timing: QUIET });
    other.listening = isFull;
  }
  if (isFull && !(await simulation.settle(60_000))) throw new TypeError('not converged');
  await simulation.time.pass(5_000);
  for (const other of simulation.all) {
    other.listening = true;
    // A key that was used: the newcomer gets the next step, as in a room that is in use.
    await other.session.send(new Uint8Array(20), {});
  }
  await simulation.time.pass(1_000);
  simulation.recording = true;
  const before = process.cpuUsage();
  const joined = await simulation.join(newcomer, { admit: others, timing: QUIET });
  const isThere = () => joined.session.view().filter(({ ready }) => ready).length === others.length;
  if (!(await simulation.time.passUntil(isThere, 60_000))) throw new TypeError('not converged');
  // The last acknowledgements.
  await simulation.time.pass(1_000);
  const { user, system } = process.cpuUsage(before);
  const sealed = simulation.published.filter(({ place }) => place.kind === 'message');
  const statements = simulation.published.filter(({ place }) => place.kind === 'statement');
  simulation.end();
  const bytes = bytesOf(sealed, sealedLength) + bytesOf(statements, (length) => length + recordLength);
  const line = (name: string, value: number, unit: string): Result => ({
    name: `join: ${name}, ${members} members, ${acquaintance}`,
    ...{ value, unit },
  });
  return [
    line('sealed messages', sealed.length, 'messages'),
    line('announcements', statements.length, 'messages'),
    line('published', bytes, 'bytes'),
    line('processor time of all together, without sealing', (user + system) / 1000, 'ms'),
  ];
}

/** One who sends, and readers who know nobody else: what a frame costs the one, whoever reads. */
async function fanOut(): Promise<Result[]> {
  const results: Result[] = [];
  for (const readers of [1, 10, 100, 1000]) {
    const simulation = new Simulation(readers);
    const { time } = simulation;
    const { session } = await simulation.join('gateway', { admit: () => true, timing: QUIET });
    for (let i = 0; i < readers; i++) {
      const reader = await simulation.join(`reader${i}`, { admit: ['gateway'], timing: QUIET });
      await time.pass(100);
      // Else each of them would hear of all that come.
      reader.listening = false;
    }
    const ready = session.view().filter((member) => member.ready).length;
    if (ready !== readers) throw new TypeError(`${ready} of ${readers} readers have the key`);
    await time.pass(5_000);
    simulation.discarding = true;
    const frame = new Uint8Array(1024);
    const { send } = await sideBySide({ send: () => void session.send(frame, { qos: 0 }) });
    results.push({ name: `frame of 1 KiB among others: its sender, ${readers} readers`, value: send, unit: 'µs' });
    simulation.end();
  }
  return results;
}

function bytesOf(published: readonly Published[], length: (bytes: number) => number): number {
  return published.reduce((sum, { bytes }) => sum + length(bytes.length), 0);
}

const lengths = new Map<number, number>();

/** How long a message of the simulator, which is not sealed, would be if it were: unnumbered, padded as ever. */
function sealedLength(bytes: number): number {
  const { padding: _padding, seq: _seq, stream: _stream, ...draft } = sealDraft(new Uint8Array(bytes));
  const known = lengths.get(bytes) ?? sealSync(provider, draft, sealKeys).length;
  lengths.set(bytes, known);
  return known;
}
