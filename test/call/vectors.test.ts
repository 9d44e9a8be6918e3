import { createHash, createHmac, hkdfSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { callVectors } from '../../scripts/vectors/call.js';
import { concat, toHex } from '../../src/bytes/bytes.js';
import { decodeCbor, encodeCbor } from '../../src/bytes/cbor.js';
import { hkdfExpand, hkdfExtract } from '../../src/crypto/hkdf-parts.js';
import { run } from '../../src/crypto/steps.js';
import { recordCipher } from '../../src/protocol/call/cipher.js';
import { decodeCallFrame, encodeCallFrame } from '../../src/protocol/call/frame.js';
import { handshakeKeys, messageKeys } from '../../src/protocol/call/keys.js';
import {
  decodeCallControl,
  decodeChunks,
  decodeRecord,
  decodeRecordMessage,
  encodeCallControl,
  encodeChunk,
  encodeRecordMessage,
} from '../../src/protocol/call/record.js';
import { backends, hex, okp, readVectors } from '../crypto/backends.js';
import { parseCddl } from '../docs/cddl.js';

const vectors = readVectors<ReturnType<typeof callVectors>>('call.json');
const page = readFileSync(new URL('../../docs/calls.md', import.meta.url), 'utf8');
const rules = parseCddl([...page.matchAll(/```cddl\n([\s\S]*?)\n```/g)].map(([, body]) => body).join('\n'));
const matches = (rule: string, bytes: Uint8Array) => rules.get(rule)?.(decodeCbor(bytes));

const call = hex(vectors.call);
const frameOf = (type: string) => vectors.frames.find((frame) => frame.type === type) as (typeof vectors.frames)[0];
const hashOf = (type: string) => hex(frameOf(type).hash);
const [callerKey, calleeKey] = vectors.ephemeral.map(({ public: key }) => hex(key)) as [Uint8Array, Uint8Array];
const [caller, callee] = vectors.parties.map(({ address, identity, signing }) => ({
  ...{ address, identity: hex(identity), signing: hex(signing) },
})) as [Party, Party];
interface Party {
  readonly address: string;
  readonly identity: Uint8Array;
  readonly signing: Uint8Array;
}

test('the vectors of calls are those that the script makes', () => {
  expect(callVectors()).toEqual(vectors);
});

test('docs/calls.md shows the key schedule of the vectors', () => {
  const shown = page.replaceAll(/\s/g, '');
  for (const value of [vectors.call, ...Object.values(vectors.schedule)]) expect(shown).toContain(value);
  for (const type of ['dial', 'offer', 'answer']) expect(shown).toContain(frameOf(type).hash);
  for (const { private: secret, public: key } of vectors.ephemeral) {
    expect(shown).toContain(secret);
    expect(shown).toContain(key);
  }
});

test.each(vectors.frames)('frame: $type', ({ type, frame, signed, hash }) => {
  expect(matches(`call-${type}`, hex(frame))).toBe(true);
  expect(encodeCallFrame(decodeCallFrame(hex(frame)))).toEqual(hex(frame));
  expect(createHash('sha256').update(hex(signed)).digest('hex')).toBe(hash);
});

test.each(vectors.records)('record: $key $stream $n', async ({ key, stream, content, record, message }) => {
  const decoded = decodeRecord(hex(record));
  expect(matches('call-record', hex(message))).toBe(true);
  const { callId, ...same } = decodeRecordMessage(hex(message));
  expect({ callId, ...same }).toEqual({ callId: call, ...decoded });
  expect(encodeRecordMessage(callId, same)).toEqual(hex(message));
  for (const { provider } of backends) {
    const cipher = recordCipher(provider, hex(vectors.schedule[key]), call);
    expect(await cipher.open(decoded.ctr, decoded.ct)).toEqual(hex(content));
    expect(await cipher.seal(decoded.ctr, [hex(content)])).toEqual(hex(record));
  }
  if (stream === 'control') {
    expect(matches('call-control', hex(content))).toBe(true);
    expect(encodeCallControl(decodeCallControl(hex(content)))).toEqual(hex(content));
  } else {
    expect(concat(...decodeChunks(hex(content)).flatMap(encodeChunk))).toEqual(hex(content));
  }
});

describe.each(backends)('the key schedule on $label', ({ provider }) => {
  test('is that of the vectors', async () => {
    const { private: d, public: x } = vectors.ephemeral[0] as (typeof vectors.ephemeral)[0];
    const { encodePrivateKey } = await import('../../src/cose/key.js');
    const ours = await provider.importPrivateKey('X25519', encodePrivateKey(okp('X25519', x), { d: hex(d) }));
    const shared = await provider.agree(ours, okp('X25519', toHex(calleeKey)));
    expect(shared).toEqual(hex(vectors.schedule.shared));
    const transcript = { call, dial: hashOf('dial'), caller, callee, callerKey, calleeKey };
    const keys = await run(handshakeKeys(provider, transcript, shared as Uint8Array));
    const hashes = { call, offer: hashOf('offer'), answer: hashOf('answer') };
    const all = { ...keys, ...(await run(messageKeys(provider, keys, hashes))) };
    for (const [name, value] of Object.entries(all)) {
      expect({ name, value: toHex(value) }).toEqual({ name, value: vectors.schedule[name as 'th1'] });
    }
  });

  test('takes HKDF apart as RFC 5869 has it', async () => {
    const [ikm, salt, info] = [Buffer.alloc(22, 0x0b), hex('000102030405060708090a0b0c'), hex('f0f1f2f3f4f5f6f7f8f9')];
    const prk = await run(hkdfExtract(provider, salt, new Uint8Array(ikm)));
    expect(toHex(prk)).toBe('077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5');
    const expanded = await run(hkdfExpand(provider, prk, info));
    expect(toHex(expanded)).toBe('3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf');
    expect(expanded).toEqual(new Uint8Array(hkdfSync('sha256', ikm, salt, info, 32)));
  });
});

test('th1 and th2 are the hashes that design and document say, computed without our code', () => {
  const parties = [caller.address, callee.address, caller.identity, callee.identity, caller.signing, callee.signing];
  const items = ['sealmq/1 call', call, hashOf('dial'), ...parties, callerKey, calleeKey];
  const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();
  const th1 = sha256(encodeCbor(items));
  expect(th1.toString('hex')).toBe(vectors.schedule.th1);
  const th2 = sha256(concat(th1, hashOf('offer'), hashOf('answer')));
  expect(th2.toString('hex')).toBe(vectors.schedule.th2);
  const hmac = (key: Uint8Array, data: Uint8Array) => createHmac('sha256', key).update(data).digest();
  const prk2 = hmac(th2, hmac(th1, hex(vectors.schedule.shared)));
  const info = encodeCbor(['sealmq/1 call', 'msg-a', call]);
  expect(hmac(prk2, concat(info, Uint8Array.of(1))).toString('hex')).toBe(vectors.schedule['msg-a']);
});
