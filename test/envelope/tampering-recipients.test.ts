import { describe, expect, test } from 'vitest';
import { decodeEncrypt, encodeEncrypt, encodeRecipients, type Recipient } from '../../src/cose/encrypt.js';
import { type Draft, openSync, sealSync } from '../../src/protocol/envelope/index.js';
import { forge, sealAgain, takeApart, withRecipients, wrap } from './forgery.js';
import { contextOf, inShort, NOW, native, party } from './parties.js';

const alice = await party('alice');
const bob = await party('bob');
const tablet = { ...(await party('bob-tablet')), address: 'bob' };
const carol = await party('carol');

const draft: Draft = { from: 'alice', audience: 'bob', issuedAt: NOW, payload: Uint8Array.of(7) };
const toBoth = [bob.sealKey.publicKey, tablet.sealKey.publicKey];
const sealed = sealSync(native, draft, { signKey: alice.signKey, recipients: toBoth });
const asBob = contextOf(bob, [alice]);

/** The message with another recipients array, as anybody on the way can make it. */
function rearranged(edit: (recipients: readonly Recipient[]) => readonly Recipient[], message = sealed): Uint8Array {
  const parts = decodeEncrypt(message, 256);
  return encodeEncrypt({ ...parts, recipientsBytes: encodeRecipients(edit(parts.recipients)) });
}

describe('the set of readers is signed', () => {
  const strangers = decodeEncrypt(
    sealSync(native, draft, { signKey: alice.signKey, recipients: [carol.sealKey.publicKey] }),
    1,
  ).recipients;

  test('rearranging nothing changes nothing', () => {
    expect(rearranged((all) => all)).toEqual(sealed);
  });

  test.each<[string, (all: readonly Recipient[]) => readonly Recipient[], string]>([
    ['reordered', (all) => all.toReversed(), 'unverifiable VERIFY_SIGNATURE'],
    ['the other one removed', (all) => all.slice(0, 1), 'unverifiable VERIFY_SIGNATURE'],
    ['mine removed', (all) => all.slice(1), 'not-for-me'],
    ['one added', (all) => [...all, ...strangers], 'unverifiable VERIFY_SIGNATURE'],
    ['one put in front', (all) => [...strangers, ...all], 'unverifiable VERIFY_SIGNATURE'],
    ['the other one swapped', (all) => [...all.slice(0, 1), ...strangers], 'unverifiable VERIFY_SIGNATURE'],
    ['mine swapped', (all) => [...strangers, ...all.slice(1)], 'not-for-me'],
    ['one twice', (all) => [...all, ...all.slice(1)], 'malformed DECODE_COSE'],
    ['none left', () => [], 'malformed DECODE_COSE'],
  ])('%s', (_, edit, expected) => {
    expect(inShort(openSync(native, rearranged(edit), asBob))).toBe(expected);
  });

  test('a label added to a recipient is noticed', () => {
    const labelled = rearranged((all) =>
      all.map((one) => ({ ...one, unprotectedHeader: new Map([...one.unprotectedHeader, [-70_000, 1]]) })),
    );
    expect(inShort(openSync(native, labelled, asBob))).toBe('unverifiable VERIFY_SIGNATURE');
  });

  test('the kids of two recipients exchanged: each is tried, none fits', () => {
    const crossed = rearranged(([a, b]) => {
      if (!a || !b) return [];
      const kid = (one: Recipient) => one.unprotectedHeader.get(4) as Uint8Array;
      const withKid = (one: Recipient, other: Uint8Array) => ({
        ...one,
        unprotectedHeader: new Map([...one.unprotectedHeader, [4, other] as const]),
      });
      return [withKid(a, kid(b)), withKid(b, kid(a))];
    });
    expect(inShort(openSync(native, crossed, asBob))).toBe('unverifiable VERIFY_DECRYPTION');
  });

  test('two of my keys that a sender wrapped different content keys to: their order decides nothing', async () => {
    const old = await party('bob-before');
    const decoy = await wrap(old.sealKey.publicKey, new Uint8Array(32));
    const tricky = await forge({
      from: alice,
      to: [bob.sealKey.publicKey],
      audience: 'bob',
      changeRecipients: (all) => [decoy, ...all],
    });
    for (const keys of [
      [bob.sealKey, old.sealKey],
      [old.sealKey, bob.sealKey],
    ]) {
      expect(inShort(openSync(native, tricky, contextOf(bob, [alice], { keys })))).toBe('opened');
    }
  });

  test('a reader cannot make the same content look as if it had been for one more', async () => {
    const part = await takeApart(sealed, bob);
    const added = encodeRecipients([
      ...decodeEncrypt(sealed, 2).recipients,
      await wrap(carol.sealKey.publicKey, part.cek),
    ]);
    const widened = await withRecipients(part, added, 'bob');
    expect(inShort(openSync(native, widened, asBob))).toBe('unverifiable VERIFY_SIGNATURE');
    // The content itself, under the recipients that Alice signed, opens: only the set of readers was at fault.
    expect(openSync(native, await withRecipients(part, part.recipientsBytes, 'bob'), asBob).kind).toBe('opened');
  });
});

describe('a message stays where it was sent', () => {
  test.each(['signal', 'control', 'will', 'state'] as const)('moved to the family %s it does not decrypt', (family) => {
    expect(inShort(openSync(native, sealed, { ...asBob, family }))).toBe('unverifiable VERIFY_DECRYPTION');
  });

  test.each(['signal', 'control', 'will', 'state'] as const)('a %s does not pass for a message', (family) => {
    const other = sealSync(native, { ...draft, family }, { signKey: alice.signKey, recipients: toBoth });
    expect(inShort(openSync(native, other, asBob))).toBe('unverifiable VERIFY_DECRYPTION');
    expect(openSync(native, other, { ...asBob, family }).kind).toBe('opened');
  });

  test("on another receiver's topic it is nobody's", () => {
    expect(inShort(openSync(native, sealed, contextOf(carol, [alice])))).toBe('not-for-me');
  });

  test('on another topic of the very same device it does not decrypt', () => {
    const alias = contextOf({ ...bob, address: 'robert' }, [alice]);
    expect(inShort(openSync(native, sealed, alias))).toBe('unverifiable VERIFY_DECRYPTION');
  });
});

describe('what Bob received he can pass on to nobody as if it were from Alice', () => {
  test.each([
    ['to Carol, on her topic', 'carol', 'unverifiable VERIFY_SIGNATURE'],
    ['to Carol, as one of several receivers', null, 'unverifiable VERIFY_SIGNATURE'],
  ])('%s', async (_, outerAudience, expected) => {
    const { signed } = await takeApart(sealed, bob);
    const again = await sealAgain(signed, [carol.sealKey.publicKey], outerAudience);
    const asked: string[] = [];
    const context = contextOf(carol, [alice]);
    const outcome = openSync(native, again, {
      ...context,
      senderKey: (from, kid, issuedAt) => {
        asked.push(from);
        return context.senderKey(from, kid, issuedAt);
      },
    });
    expect(inShort(outcome)).toBe(expected);
    expect(asked).toEqual([]);
  });

  test('nor when Alice had named Carol as well: the recipients are not those she signed', async () => {
    const forBoth: Draft = { ...draft, audience: ['bob', 'carol'] };
    const original = sealSync(native, forBoth, { signKey: alice.signKey, recipients: [bob.sealKey.publicKey] });
    const { signed } = await takeApart(original, bob, null);
    const again = await sealAgain(signed, [carol.sealKey.publicKey], null);
    expect(inShort(openSync(native, again, contextOf(carol, [alice])))).toBe('unverifiable VERIFY_SIGNATURE');
  });

  test('nor back to Bob himself, sealed anew', async () => {
    const { signed } = await takeApart(sealed, bob);
    const again = await sealAgain(signed, [bob.sealKey.publicKey], 'bob');
    expect(inShort(openSync(native, again, asBob))).toBe('unverifiable VERIFY_SIGNATURE');
  });

  test('nor in another family', async () => {
    const part = await takeApart(sealed, bob);
    const again = await sealAgain(part.signed, [bob.sealKey.publicKey], 'bob', 'signal');
    expect(inShort(openSync(native, again, { ...asBob, family: 'signal' }))).toBe('unverifiable VERIFY_SIGNATURE');
  });
});

describe('a signature serves one purpose and one context', () => {
  const base = { from: alice, to: [bob.sealKey.publicKey], audience: 'bob' };

  test('the forger makes good messages where nothing is changed', async () => {
    expect(inShort(openSync(native, await forge(base), asBob))).toBe('opened');
  });

  test.each(['record', 'device-proof', 'hand-in', 'card', '', 'Message'])('purpose "%s"', async (purpose) => {
    expect(inShort(openSync(native, await forge({ ...base, purpose }), asBob))).toBe('unverifiable VERIFY_SIGNATURE');
  });

  test.each<[string, readonly (string | Uint8Array)[]]>([
    ['nothing bound', []],
    ['the family only', ['message']],
    ['the hash of other recipients', ['message', new Uint8Array(32)]],
    ['another family', ['signal', new Uint8Array(32)]],
  ])('%s', async (_, bound) => {
    expect(inShort(openSync(native, await forge({ ...base, bound }), asBob))).toBe('unverifiable VERIFY_SIGNATURE');
  });

  test('the family of the signature and that of the encryption must be one', async () => {
    const sealedAs = await forge({ ...base, family: 'signal', outerFamily: 'message' });
    expect(inShort(openSync(native, sealedAs, asBob))).toBe('unverifiable VERIFY_SIGNATURE');
  });
});
