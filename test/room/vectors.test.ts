import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { keys } from '../../scripts/vectors/keys.js';
import { roomVectors } from '../../scripts/vectors/room.js';
import { concat } from '../../src/bytes/bytes.js';
import { decodeCbor } from '../../src/bytes/cbor.js';
import type { PublicKey } from '../../src/cose/key.js';
import { decodeSign1 } from '../../src/cose/sign1.js';
import { run } from '../../src/crypto/steps.js';
import { decodeFrames, encodeFrames } from '../../src/protocol/room/frame-batch.js';
import { type FrameSignature, splitSignature, verifyFrame } from '../../src/protocol/room/frame-signature.js';
import { frameMetadata } from '../../src/protocol/room/room-frame.js';
import { decodeRoomMessage, encodeRoomMessage } from '../../src/protocol/room/room-message.js';
import { readRoomStatement } from '../../src/protocol/room/room-statement.js';
import { ratchetSenderKey, senderKeyOf } from '../../src/protocol/room/sender-key.js';
import { openFrame } from '../../src/protocol/room/sframe.js';
import { backends, hex, readVectors } from '../crypto/backends.js';
import { parseCddl } from '../docs/cddl.js';

const vectors = readVectors<ReturnType<typeof roomVectors>>('room.json');
const signKey = keys['alice.sign']?.publicKey as PublicKey;
const page = readFileSync(new URL('../../docs/wire-format.md', import.meta.url), 'utf8');
const rules = parseCddl([...page.matchAll(/```cddl\n([\s\S]*?)\n```/g)].map(([, body]) => body).join('\n'));
const matches = (rule: string, bytes: Uint8Array) => rules.get(rule)?.(decodeCbor(bytes));

test('the vectors of rooms are those that the script makes', () => {
  expect(roomVectors()).toEqual(vectors);
});

test.each(vectors.messages)('message: $name', ({ message }) => {
  expect(matches('room-message', hex(message))).toBe(true);
  expect(encodeRoomMessage(decodeRoomMessage(hex(message)))).toEqual(hex(message));
});

test.each(vectors.statements)('statement: $name', ({ name, statement }) => {
  const read = readRoomStatement(hex(statement));
  expect(read.statement).toMatchObject({ ...vectors.origin, kind: name.split(' ')[0] });
  expect(matches('room-statement', decodeSign1(hex(statement)).payload as Uint8Array)).toBe(true);
});

describe.each(backends)('frames on $label', ({ provider }) => {
  test.each(vectors.frames)('$kind $kid/$ctr', async ({ kid, kind, metadata, plaintext, frame, said }) => {
    const vector = vectors.senderKeys.find((one) => one.kid === kid) as (typeof vectors.senderKeys)[0];
    const key = await run(senderKeyOf(provider, kid, hex(vector.secret)));
    expect(key.frameKey).toMatchObject({ key: hex(vector.key), salt: hex(vector.salt) });
    expect(frameMetadata({ ...vectors.origin, kind })).toEqual(hex(metadata));
    expect(matches('frame-metadata', hex(metadata))).toBe(true);
    expect(await run(openFrame(provider, key.frameKey, hex(metadata), hex(frame)))).toEqual(hex(plaintext));
    const { content } = splitSignature(hex(plaintext));
    if (kind === 'heartbeat') return;
    const frames = decodeFrames(content);
    expect(concat(...encodeFrames(frames))).toEqual(content);
    expect(frames.map(({ payload, channel }) => ({ text: new TextDecoder().decode(payload), channel }))).toEqual(said);
    if (frames.length > 1) expect(matches('frame-batch', content)).toBe(true);
  });

  test('the signature of a frame is that of its sender, in its place', async () => {
    const signed = vectors.frames.filter(({ plaintext }) => plaintext.startsWith('d2'));
    expect(signed).toHaveLength(2);
    for (const { kid, ctr, kind, plaintext } of signed) {
      const { signature, content } = splitSignature(hex(plaintext));
      const place = { ...vectors.origin, kind, since: vectors.since, kid, ctr };
      const verified = (ctr: number) =>
        run(verifyFrame(provider, signKey, { ...place, ctr }, signature as FrameSignature, content));
      expect(matches('frame-signature', hex(plaintext).slice(0, plaintext.length / 2 - content.length))).toBe(true);
      expect(await verified(ctr)).toBe(true);
      expect(await verified(ctr + 1)).toBe(false);
    }
  });

  test('the second key is the first, ratcheted', async () => {
    const [first, second] = vectors.senderKeys;
    const key = await run(senderKeyOf(provider, first?.kid as number, hex(first?.secret as string)));
    expect((await run(ratchetSenderKey(provider, key))).secret).toEqual(hex(second?.secret as string));
  });
});
