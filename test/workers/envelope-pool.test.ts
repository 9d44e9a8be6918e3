import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EnvelopePool } from '../../src/adapters/workers/index.js';
import { ensureBuilt } from '../cli/built.js';

// Threads load the built files, so everything here comes from the built package.
async function load() {
  await ensureBuilt();
  const built = (name: string) => import(/* @vite-ignore */ pathToFileURL(join('dist', `${name}.js`)).href);
  const main: typeof import('../../src/index.js') = await built('index');
  const workers: typeof import('../../src/adapters/workers/index.js') = await built('workers');
  const crypto: typeof import('../../src/crypto/index.js') = await built('crypto');
  const envelope: typeof import('../../src/protocol/envelope/index.js') = await built('envelope');
  const identity: typeof import('../../src/protocol/identity/index.js') = await built('identity');
  return { ...main, ...workers, ...crypto, ...envelope, ...identity };
}

const NOW = 1_800_000_000;
let sealmq: Awaited<ReturnType<typeof load>>;
let pool: EnvelopePool;

beforeAll(async () => {
  sealmq = await load();
  pool = sealmq.createEnvelopePool({ provider: sealmq.nativeProvider(), workers: 2 });
});
afterAll(() => pool.close());

async function parties() {
  const provider = sealmq.nativeProvider();
  const make = (address: string) => sealmq.run(sealmq.createAccount(provider, { address, now: NOW }));
  const [alice, bob] = [await make('alice'), await make('bob')];
  const keys = { signKey: alice.device.signKey, recipients: sealmq.activeSealKeys(bob.record, NOW) };
  const draft = (text: string) => ({
    from: 'alice',
    audience: 'bob',
    issuedAt: NOW,
    payload: new TextEncoder().encode(text),
  });
  const context = {
    address: 'bob',
    keys: [bob.device.sealKey],
    now: NOW,
    senderKey: () => ({ key: alice.device.signKey.publicKey, device: 'a1' }),
  };
  return { provider, keys, draft, context };
}

describe('a pool of workers', () => {
  test('seals what the plain function opens, each message its own', async () => {
    const { provider, keys, draft, context } = await parties();
    const texts = Array.from({ length: 100 }, (_, i) => `message ${i}`);
    const sealed = await Promise.all(texts.map((text) => pool.seal(draft(text), keys)));
    const opened = await Promise.all(sealed.map((bytes) => sealmq.open(provider, bytes, context)));
    expect(opened.map((each) => each.kind === 'opened' && new TextDecoder().decode(each.message.payload))).toEqual(
      texts,
    );
  });

  test('opens, asking here for the sender with what the message says', async () => {
    const { keys, draft, context } = await parties();
    const sealed = await Promise.all(Array.from({ length: 50 }, (_, i) => pool.seal(draft(`${i}`), keys)));
    const asked: string[] = [];
    const senderKey = async (from: string, kid: Uint8Array, issuedAt: number) => {
      asked.push(`${from} ${kid.length} ${issuedAt}`);
      return context.senderKey();
    };
    const asking = { ...context, senderKey };
    const outcomes = await Promise.all(sealed.map((bytes) => pool.open(bytes, asking)));
    expect(outcomes.every(({ kind }) => kind === 'opened')).toBe(true);
    expect(outcomes[7]).toMatchObject({
      message: { from: 'alice', device: 'a1', payload: new TextEncoder().encode('7') },
    });
    expect(new Set(asked)).toEqual(new Set([`alice 32 ${NOW}`]));
    // Once a batch, not once a message.
    expect(asked.length).toBeLessThan(sealed.length / 2);
  });

  test('asks by the context of each message, and hands out bytes that share no memory', async () => {
    const { keys, draft, context } = await parties();
    const first = await pool.seal(draft('first'), keys);
    const second = await pool.seal({ ...draft('second'), issuedAt: NOW + 1 }, keys);
    const other = { ...context, senderKey: () => ({ refused: 'blocked' as const }) };
    const [opened, later, refused] = await Promise.all([
      pool.open(first, context),
      pool.open(second, context),
      pool.open(first, other),
    ]);
    expect(opened).toMatchObject({ kind: 'opened', message: { issuedAt: NOW } });
    expect(later).toMatchObject({ kind: 'opened', message: { issuedAt: NOW + 1 } });
    expect(refused).toEqual({ kind: 'sender-refused', reason: 'blocked', from: 'alice' });
    const { payload, id } = (opened as Extract<typeof opened, { kind: 'opened' }>).message;
    for (const bytes of [first, payload, id]) expect(bytes.buffer.byteLength).toBe(bytes.length);
  });

  test('does not wait with a batch for the sender of one of its messages', async () => {
    const { provider, keys, draft, context } = await parties();
    const mine = sealmq.createEnvelopePool({ provider, workers: 1 });
    const sealed = await mine.seal(draft('hello'), keys);
    let answer = (_: ReturnType<typeof context.senderKey>) => {};
    const senderKey = () =>
      new Promise<ReturnType<typeof context.senderKey>>((resolve) => {
        answer = resolve;
      });
    const slow = mine.open(sealed, { ...context, senderKey });
    expect(await mine.open(sealed, context)).toMatchObject({ kind: 'opened' });
    answer(context.senderKey());
    expect(await slow).toMatchObject({ kind: 'opened' });
    await mine.close();
  });

  test('answers what the plain function answers of a message that is not good', async () => {
    const { keys, draft, context } = await parties();
    const sealed = await pool.seal(draft('hello'), keys);
    const tampered = sealed.slice();
    tampered[60] = (tampered[60] as number) ^ 1;
    expect(await pool.open(tampered, context)).toMatchObject({
      kind: 'unverifiable',
      error: { code: 'VERIFY_DECRYPTION' },
    });
    expect(((await pool.open(tampered, context)) as { error: unknown }).error).toSatisfy((error) =>
      sealmq.isSealMQError(error),
    );
    expect(await pool.open(sealed.subarray(1), context)).toMatchObject({ kind: 'malformed' });
    expect(await pool.open(sealed, { ...context, senderKey: () => ({ refused: 'revoked' }) })).toEqual({
      kind: 'sender-refused',
      reason: 'revoked',
      from: 'alice',
    });
  });

  test('throws here what went wrong there, and here', async () => {
    const { keys, draft, context } = await parties();
    await expect(pool.seal({ ...draft(''), from: 'not an address' }, keys)).rejects.toMatchObject({
      code: 'USAGE_INVALID_ARGUMENT',
    });
    await expect(pool.seal(draft(''), { ...keys, recipients: [] })).rejects.toMatchObject({
      code: 'USAGE_TOO_MANY_RECIPIENTS',
    });
    // From who has no types: it must not reach the threads, where it would be nobody's.
    const invalid = { code: 'USAGE_INVALID_ARGUMENT' };
    await expect(pool.seal({ ...draft(''), payload: 'text' as never }, keys)).rejects.toMatchObject(invalid);
    await expect(pool.open('text' as never, context)).rejects.toMatchObject(invalid);
    const sealed = await pool.seal(draft('hello'), keys);
    const down = new sealmq.SealMQError('DIRECTORY_UNREACHABLE', 'down');
    const senderKey = () => Promise.reject(down);
    await expect(pool.open(sealed, { ...context, senderKey })).rejects.toMatchObject({ code: 'DIRECTORY_UNREACHABLE' });
    const secret = await sealmq.nativeProvider().generateKey('Ed25519', false);
    await expect(pool.seal(draft(''), { ...keys, signKey: secret })).rejects.toMatchObject({
      code: 'USAGE_KEY_NOT_EXTRACTABLE',
    });
  });

  test('takes more than its threads have room for, views into larger memory, and what cannot be handed over', async () => {
    const { provider, keys, draft, context } = await parties();
    const mine = sealmq.createEnvelopePool({ provider, workers: 1 });
    const room = new Uint8Array(1000).fill(65);
    const jobs = Array.from({ length: 500 }, (_, i) =>
      i === 400
        ? mine.seal(draft('refused'), { ...keys, recipients: [{} as never] }).catch((error: unknown) => error)
        : i === 401
          ? mine.seal({ ...draft(''), padding: (() => 1) as never }, keys).catch((error: unknown) => error)
          : mine.seal({ ...draft(''), payload: room.subarray(i, i + 3) }, keys),
    );
    const sealed = await Promise.all(jobs);
    expect(sealed[400]).toBeInstanceOf(Error);
    expect(sealed[401]).toMatchObject({ code: 'USAGE_INVALID_ARGUMENT' });
    const large = new Uint8Array(100_000);
    large.set(sealed[499] as Uint8Array, 5);
    const view = large.subarray(5, 5 + (sealed[499] as Uint8Array).length);
    expect(await mine.open(view, context)).toMatchObject({
      kind: 'opened',
      message: { payload: Uint8Array.of(65, 65, 65) },
    });
    await mine.close();
  });

  test('loses with a thread that dies what it had, and goes on with another', async () => {
    const { provider, keys, draft, context } = await parties();
    // The first hand-over of a key is none, which no thread survives.
    let garbage = true;
    const exportPrivateKey = (key: typeof keys.signKey) => {
      const coseKey = garbage ? new Uint8Array(3) : provider.exportPrivateKey(key);
      garbage = false;
      return coseKey;
    };
    const mine = sealmq.createEnvelopePool({ provider: { ...provider, exportPrivateKey }, workers: 1 });
    const lost = await Promise.allSettled(Array.from({ length: 3 }, () => mine.seal(draft('lost'), keys)));
    expect(lost.map((each) => each.status === 'rejected' && each.reason.code)).toEqual(
      Array.from({ length: 3 }, () => 'STATE_UNAVAILABLE'),
    );
    const sealed = await mine.seal(draft('kept'), keys);
    expect(await mine.open(sealed, context)).toMatchObject({ kind: 'opened' });
    await mine.close();
  });

  test('waits on closing for what is under way, and takes nothing more', async () => {
    const { provider, keys, draft, context } = await parties();
    const mine = sealmq.createEnvelopePool({ provider, workers: 1 });
    const sealing = Promise.all(Array.from({ length: 20 }, () => mine.seal(draft('last'), keys)));
    await mine.close();
    for (const bytes of await sealing) expect((await sealmq.open(provider, bytes, context)).kind).toBe('opened');
    await expect(mine.seal(draft('late'), keys)).rejects.toMatchObject({ code: 'USAGE_CLOSED' });
    expect(() => sealmq.createEnvelopePool({ provider, workers: 0 })).toThrow(
      expect.objectContaining({ code: 'USAGE_INVALID_ARGUMENT' }),
    );
  });
});
