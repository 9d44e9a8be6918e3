import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type SuiteName, suites } from '../../src/crypto/suites.js';
import { MAX_PAYLOAD_BYTES, open, openSync, seal, sealSync } from '../../src/protocol/envelope/index.js';
import { codeOf } from '../bytes/error-code.js';
import { backends, contextOf, inShort, NOW, native, noble, party, webcrypto } from './parties.js';

const draft = { from: 'alice', audience: 'bob', issuedAt: NOW, payload: Uint8Array.of(1, 2, 3) } as const;
const curves: readonly SuiteName[] = ['X25519-Ed25519', 'P256-ESP256'];

/** Sender's backend and suite × receiver's backend and suite; RSA only where it exists. */
const pairs = backends.flatMap((sender) =>
  backends.flatMap((receiver) =>
    suites.flatMap(({ name: from }) =>
      suites
        .filter(
          ({ name: to }) =>
            [from, to].every((suite) => !suite.startsWith('RSA')) || ![sender, receiver].includes(noble),
        )
        .map(({ name: to }) => ({ sender, receiver, from, to })),
    ),
  ),
);

test.each(pairs)(
  '$sender.name seals with $from, $receiver.name opens with $to',
  async ({ sender, receiver, from, to }) => {
    const alice = await party('alice', sender, from);
    const bob = await party('bob', receiver, to);
    const sealed = await seal(sender, draft, { signKey: alice.signKey, recipients: [bob.sealKey.publicKey] });
    const outcome = await open(receiver, sealed, contextOf(bob, [alice]));
    expect(outcome).toMatchObject({
      kind: 'opened',
      message: { from: 'alice', audience: 'bob', payload: draft.payload },
    });
  },
);

test('1 to 16 devices of mixed suites: each opens, and nobody else', async () => {
  const alice = await party('alice');
  const carol = await party('carol');
  const devices = await Promise.all(
    Array.from({ length: 16 }, async (_, i) => ({
      ...(await party(`bob-${i}`, i % 3 === 0 ? noble : native, curves[i % 2])),
      address: 'bob',
    })),
  );
  await fc.assert(
    fc.asyncProperty(fc.shuffledSubarray(devices, { minLength: 1 }), async (chosen) => {
      const recipients = chosen.map(({ sealKey }) => sealKey.publicKey);
      const sealed = sealSync(native, draft, { signKey: alice.signKey, recipients });
      for (const device of devices) {
        const outcome = await open(device.provider, sealed, contextOf(device, [alice]));
        expect(outcome.kind).toBe(chosen.includes(device) ? 'opened' : 'not-for-me');
      }
      expect((await open(native, sealed, contextOf({ ...carol, address: 'bob' }, [alice]))).kind).toBe('not-for-me');
    }),
    { numRuns: 12 },
  );
});

test('a retired sealing key that is still held opens as the current one does', async () => {
  const [alice, bob, old] = await Promise.all([party('alice'), party('bob'), party('bob-before')]);
  const sealed = sealSync(native, draft, { signKey: alice.signKey, recipients: [old.sealKey.publicKey] });
  const outcome = openSync(native, sealed, contextOf(bob, [alice], { keys: [bob.sealKey, old.sealKey] }));
  expect(outcome.kind).toBe('opened');
});

describe('payloads', () => {
  test.each(backends)('of any length come back on $name', async (provider) => {
    const [alice, bob] = await Promise.all([party('alice', provider), party('bob', provider)]);
    const payloads = fc.oneof(fc.uint8Array({ maxLength: 400 }), fc.uint8Array({ minLength: 4000, maxLength: 5000 }));
    await fc.assert(
      fc.asyncProperty(payloads, fc.constantFrom<number | false>(false, 0, 256, 1000), async (payload, padding) => {
        const keys = { signKey: alice.signKey, recipients: [bob.sealKey.publicKey] };
        const sealed = await seal(provider, { ...draft, payload, padding }, keys);
        const outcome = await open(provider, sealed, contextOf(bob, [alice]));
        expect(outcome).toMatchObject({ kind: 'opened', message: { payload } });
      }),
      { numRuns: provider === native ? 100 : 20 },
    );
  });

  test.each([0, 1, 255, 256, 4096, 65_536, MAX_PAYLOAD_BYTES])('of %i bytes come back', async (length) => {
    const payload = native.randomBytes(length);
    for (const provider of [native, webcrypto]) {
      const [alice, bob] = await Promise.all([party('alice', provider), party('bob', provider)]);
      const keys = { signKey: alice.signKey, recipients: [bob.sealKey.publicKey] };
      const outcome = await open(provider, await seal(provider, { ...draft, payload }, keys), contextOf(bob, [alice]));
      expect(outcome.kind).toBe('opened');
      if (outcome.kind === 'opened') expect(Buffer.compare(outcome.message.payload, payload)).toBe(0);
    }
  });
});

describe('synchronous forms', () => {
  test.each([native, noble])('$name seals and opens at once', async (provider) => {
    const [alice, bob] = await Promise.all([party('alice', provider), party('bob', provider)]);
    const sealed = sealSync(provider, draft, { signKey: alice.signKey, recipients: [bob.sealKey.publicKey] });
    expect(openSync(provider, sealed, contextOf(bob, [alice])).kind).toBe('opened');
  });

  test('webcrypto answers USAGE_SYNC_UNAVAILABLE', async () => {
    const [alice, bob] = await Promise.all([party('alice', webcrypto), party('bob', webcrypto)]);
    const keys = { signKey: alice.signKey, recipients: [bob.sealKey.publicKey] };
    expect(codeOf(() => sealSync(webcrypto, draft, keys))).toBe('USAGE_SYNC_UNAVAILABLE');
    const sealed = await seal(webcrypto, draft, keys);
    expect(codeOf(() => openSync(webcrypto, sealed, contextOf(bob, [alice])))).toBe('USAGE_SYNC_UNAVAILABLE');
  });

  test('a look-up that has to be waited for answers USAGE_SYNC_UNAVAILABLE too', async () => {
    const [alice, bob] = await Promise.all([party('alice'), party('bob')]);
    const sealed = sealSync(native, draft, { signKey: alice.signKey, recipients: [bob.sealKey.publicKey] });
    const senderKey = async () => ({ key: alice.signKey.publicKey });
    expect(codeOf(() => openSync(native, sealed, contextOf(bob, [alice], { senderKey })))).toBe(
      'USAGE_SYNC_UNAVAILABLE',
    );
    expect(inShort(await open(native, sealed, contextOf(bob, [alice], { senderKey })))).toBe('opened');
  });
});

test('what the look-up throws passes through: a directory that is away is a passing reason', async () => {
  const [alice, bob] = await Promise.all([party('alice'), party('bob')]);
  const sealed = sealSync(native, draft, { signKey: alice.signKey, recipients: [bob.sealKey.publicKey] });
  const away = new Error('away');
  const senderKey = () => Promise.reject(away);
  await expect(open(native, sealed, contextOf(bob, [alice], { senderKey }))).rejects.toBe(away);
});

test('two seals of one draft share neither key nor id nor bytes', async () => {
  const [alice, bob] = await Promise.all([party('alice'), party('bob')]);
  const keys = { signKey: alice.signKey, recipients: [bob.sealKey.publicKey] };
  const outcomes = [sealSync(native, draft, keys), sealSync(native, draft, keys)].map((sealed) =>
    openSync(native, sealed, contextOf(bob, [alice])),
  );
  const [a, b] = outcomes.map((outcome) => (outcome.kind === 'opened' ? outcome.message.id : undefined));
  expect(a).toHaveLength(16);
  expect(a).not.toEqual(b);
});

test('sealing leaves the draft and its payload as they were', async () => {
  const [alice, bob] = await Promise.all([party('alice'), party('bob')]);
  const payload = Uint8Array.of(9, 9, 9);
  const frozen = Object.freeze({ ...draft, payload });
  sealSync(
    native,
    frozen,
    Object.freeze({ signKey: alice.signKey, recipients: Object.freeze([bob.sealKey.publicKey]) }),
  );
  expect(payload).toEqual(Uint8Array.of(9, 9, 9));
});
