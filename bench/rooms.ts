/** Frames of a room beside the bare AES-256-GCM calls, and what a join and a re-keying cost. */
import { createCipheriv, createDecipheriv, randomBytes, webcrypto } from 'node:crypto';
import { nativeProvider } from '../src/crypto/native.js';
import type { CryptoProvider } from '../src/crypto/provider.js';
import { run } from '../src/crypto/steps.js';
import { webcryptoProvider } from '../src/crypto/webcrypto.js';
import { encodeFrame, frameMetadata } from '../src/protocol/room/room-frame.js';
import { newSenderKey } from '../src/protocol/room/sender-key.js';
import { openFrame, sealFrame } from '../src/protocol/room/sframe.js';
import { Simulation } from '../test/room/simulation.js';
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
  const frame = await run(sealFrame(provider, frameKey, ctr++, metadata, encodeFrame(payload)));
  const times = await sideBySide({
    seal: () => run(sealFrame(provider, frameKey, ctr++, metadata, encodeFrame(payload))),
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

/** What one more member costs a room, in the simulator: messages by kind; what a frame costs its sender, whoever reads. */
export async function membership(): Promise<Result[]> {
  const results: Result[] = [];
  for (const members of [2, 10, 100]) {
    const simulation = new Simulation(members);
    const names = Array.from({ length: members }, (_, i) => `member${i}`);
    const { time, counts } = simulation;
    for (const name of names.slice(1)) await simulation.join(name, { admit: names });
    await simulation.settle(60_000);
    const [messages, statements, start] = [counts.message, counts.statement, process.hrtime.bigint()];
    await simulation.join(names[0] as string, { admit: names });
    await simulation.settle(60_000);
    const ms = Number(process.hrtime.bigint() - start) / 1e6;
    const add = (name: string, value: number, unit: string) =>
      results.push({ name: `${name}, ${members} members`, value, unit });
    add('join: sealed messages', counts.message - messages, 'messages');
    add('join: announcements', counts.statement - statements, 'messages');
    add('join: all members together, without sealing', ms, 'ms');
    const [one] = simulation.all;
    await time.pass(5_000);
    const sending = process.hrtime.bigint();
    for (let i = 0; i < 1000; i++) void one?.session.send(new Uint8Array(1024), { qos: 0 });
    const taken = Number(process.hrtime.bigint() - sending) / 1e6;
    add('frame of 1 KiB: its sender', taken, 'µs');
    simulation.end();
  }
  return results;
}
