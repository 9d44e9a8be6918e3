import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { relayVectors } from '../../scripts/vectors/relay.js';
import { toHex } from '../../src/bytes/bytes.js';
import { decodeCbor } from '../../src/bytes/cbor.js';
import { readPublicKey } from '../../src/cose/key.js';
import { run } from '../../src/crypto/steps.js';
import {
  decodeHandIn,
  decodeUpdate,
  decodeWakeNote,
  encodeHandIn,
  encodeUpdate,
  encodeWakeNote,
  openHandIn,
  openUpdate,
  verifyHandIn,
  verifyUpdate,
} from '../../src/protocol/relay/index.js';
import { backends, hex, readVectors } from '../crypto/backends.js';
import { parseCddl } from '../docs/cddl.js';

const vectors = readVectors<ReturnType<typeof relayVectors>>('relay.json');
const { keys } = readVectors<{
  keys: Record<string, { algorithm: 'X25519'; privateKey: string; publicKey: string; thumbprint: string }>;
}>('envelope.json');
const keyNamed = (name: string) => keys[name] as (typeof keys)[string];
const page = readFileSync(new URL('../../docs/wire-format.md', import.meta.url), 'utf8');
const rules = parseCddl([...page.matchAll(/```cddl\n([\s\S]*?)\n```/g)].map(([, body]) => body).join('\n'));
const matches = (rule: string, bytes: Uint8Array) => rules.get(rule)?.(decodeCbor(bytes));

test('the vectors of the relay are those that the script makes', () => {
  expect(relayVectors()).toEqual(vectors);
});

test.each(vectors.updates)('update: $name', ({ statement }) => {
  expect(matches('update', hex(statement))).toBe(true);
  expect(toHex(encodeUpdate(decodeUpdate(hex(statement))))).toBe(statement);
});

test('the hand-in that asks to wake', () => {
  const { statement } = vectors.handIn;
  expect(matches('handed-in', hex(statement))).toBe(true);
  expect(toHex(encodeHandIn(decodeHandIn(hex(statement))))).toBe(statement);
});

test.each(vectors.wakeNotes)('wake-note: $name', ({ dial, note }) => {
  expect(matches('wake-note', new Uint8Array(Buffer.from(note, 'base64url')))).toBe(true);
  expect(decodeWakeNote(note)).toEqual({ type: 'call', ...(dial !== undefined && { dial: hex(dial) }) });
  expect(encodeWakeNote(dial === undefined ? undefined : hex(dial))).toBe(note);
});

describe.each(backends)('by $label', ({ provider }) => {
  const { algorithm, privateKey } = keyNamed(vectors.relay.sealKey);
  const relay = async () => ({
    sealKeys: [await provider.importPrivateKey(algorithm, hex(privateKey))],
    identity: hex(keyNamed(vectors.relay.identity).thumbprint),
  });
  const speaker = readPublicKey(decodeCbor(hex(keyNamed(vectors.speaker.signKey).publicKey)));
  const another = readPublicKey(decodeCbor(hex(keyNamed('mallory.sign').publicKey)));

  test.each(vectors.updates)('the relay opens and verifies the update: $name', async ({ statement, sealed }) => {
    const opened = await run(openUpdate(provider, hex(sealed), await relay()));
    if (opened.kind !== 'opened') throw new RangeError(opened.kind);
    expect(opened.update.content).toEqual(decodeUpdate(hex(statement)));
    expect(await run(verifyUpdate(provider, speaker, opened.update))).toBe(true);
    expect(await run(verifyUpdate(provider, another, opened.update))).toBe(false);
  });

  test('the relay opens and verifies the hand-in', async () => {
    const opened = await run(openHandIn(provider, hex(vectors.handIn.sealed), await relay()));
    if (opened.kind !== 'opened') throw new RangeError(opened.kind);
    expect(opened.handIn.content).toEqual(decodeHandIn(hex(vectors.handIn.statement)));
    expect(toHex(opened.handIn.sealed)).toBe(vectors.message);
    expect(await run(verifyHandIn(provider, speaker, opened.handIn))).toBe(true);
  });

  test('another relay has no use for them', async () => {
    const other = { ...(await relay()), identity: hex(keyNamed('carol.identity').thumbprint) };
    const [update] = vectors.updates;
    expect(await run(openUpdate(provider, hex(update?.sealed ?? ''), other))).toEqual({ kind: 'not-for-me' });
    expect(await run(openHandIn(provider, hex(vectors.handIn.sealed), other))).toEqual({ kind: 'not-for-me' });
  });
});
