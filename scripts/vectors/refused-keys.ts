import { concat } from '../../src/bytes/bytes.js';
import { type CborMap, type CborValue, encodeCbor } from '../../src/bytes/cbor.js';
import { type Forge, flipped, opening, openings, patched, twoKeys } from './forge.js';
import type { SealedCase } from './sealed.js';
import type { OpeningVector } from './types.js';

const UNDECRYPTABLE = { kind: 'unverifiable', code: 'VERIFY_DECRYPTION' } as const;
const NOT_FOR_ME = { kind: 'not-for-me' } as const;

/** Size of the base field of P-256: −(x, y) is (x, p − y). */
const P256_FIELD = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn;

/** What parses, but does not decrypt for the one who tries. */
export function undecryptable(forge: Forge, p256Forge: Forge, mixed: SealedCase): OpeningVector[] {
  return [
    ...addressees(forge, mixed),
    ...tampering(forge),
    ...otherKeys(forge, mixed),
    ...ephemeralKeys(forge),
    ...points(p256Forge),
  ];
}

function addressees(forge: Forge, mixed: SealedCase): OpeningVector[] {
  const good = forge.message();
  const kidOf = (label: CborMap) => label.get(4) as Uint8Array;
  const [first] = forge.base.message.recipients;
  const laptop = mixed.message.recipients[1];
  if (!first || !laptop) throw new RangeError('a message without recipients');
  const otherAlgorithm: CborValue = [
    laptop.protectedBytes,
    patched(laptop.unprotectedHeader, new Map([[4, kidOf(first.unprotectedHeader)]])),
    laptop.ciphertext,
  ];
  return [
    opening('other-device', 'No recipient names a key of this device.', good, NOT_FOR_ME, {
      keys: ['alice.tablet.seal'],
    }),
    opening('no-key', 'A device that has no key at all.', good, NOT_FOR_ME, { keys: [] }),
    opening(
      'kid-of-another-algorithm',
      'My kid, but on a recipient of another algorithm than my key has.',
      forge.message({ recipients: encodeCbor([otherAlgorithm]) }),
      NOT_FOR_ME,
    ),
    opening('wrong-family', 'A message that was moved to the topic of another family.', good, UNDECRYPTABLE, {
      family: 'signal',
    }),
    opening('wrong-receiver', 'A message that was moved to the topic of another receiver.', good, UNDECRYPTABLE, {
      address: 'carol',
    }),
  ];
}

function tampering({ base, message }: Forge): OpeningVector[] {
  const { protectedHeader, unprotectedHeader, ciphertext, recipients } = base.message;
  const [first] = recipients;
  if (!first) throw new RangeError('a message without recipients');
  const wrapped: CborValue = [first.protectedBytes, first.unprotectedHeader, flipped(first.ciphertext, 7)];
  const otherKey = message({ recipients: encodeCbor([wrapped]) });
  const otherIv = patched(unprotectedHeader, new Map([[5, flipped(base.encryption.iv, 0)]]));
  const moreProtected = encodeCbor(patched(protectedHeader, new Map([[99, true]])));
  return openings(UNDECRYPTABLE, [
    ['wrapped-key-tampered', 'One bit of the wrapped key.', otherKey],
    ['ciphertext-tampered', 'One bit of the ciphertext.', message({ ciphertext: flipped(ciphertext, 0) })],
    ['tag-tampered', 'One bit of the authentication tag.', message({ ciphertext: flipped(ciphertext, -1) })],
    ['ciphertext-cut', 'Less than an authentication tag.', message({ ciphertext: ciphertext.subarray(0, 15) })],
    ['iv-tampered', 'One bit of the iv.', message({ unprotected: encodeCbor(otherIv) })],
    ['header-tampered', 'A protected parameter added.', message({ protectedBytes: moreProtected, ciphertext })],
  ]);
}

/** What unwraps to nothing, or to another key than the content is encrypted with. */
function otherKeys({ base, message }: Forge, mixed: SealedCase): OpeningVector[] {
  const gateway = mixed.message.recipients[2];
  if (!gateway) throw new RangeError('a message without a third recipient');
  const long: CborValue = [
    gateway.protectedBytes,
    gateway.unprotectedHeader,
    concat(Uint8Array.of(0), gateway.ciphertext),
  ];
  const recipients = twoKeys(base, mixed);
  return [
    opening(
      'rsa-longer-than-modulus',
      'An RSA wrapped key of 385 bytes for a modulus of 384: the same number, but a zero byte more.',
      message({ recipients: encodeCbor([long]) }),
      UNDECRYPTABLE,
      { keys: ['bob.gateway.seal'] },
    ),
    opening(
      'two-keys-only-the-wrong-one',
      'Two devices were given different keys: this is the one that cannot decrypt.',
      message({ recipients }),
      UNDECRYPTABLE,
      { keys: ['bob.laptop.seal'] },
    ),
  ];
}

/** X25519 ignores the highest bit and knows points of low order: the key derivation and a check catch both. */
function ephemeralKeys({ base, message }: Forge): OpeningVector[] {
  const [first] = base.message.recipients;
  const ephemeral = first?.unprotectedHeader.get(-1) as CborMap;
  const withX = (x: Uint8Array) => message({ recipients: withEphemeral(base, patched(ephemeral, new Map([[-2, x]]))) });
  const x = ephemeral.get(-2) as Uint8Array;
  return [
    opening(
      'x25519-ignored-bit',
      'The bit that X25519 ignores: the shared secret is the same, the key is not.',
      withX(flipped(x, 31, 0x80)),
      UNDECRYPTABLE,
    ),
    opening(
      'x25519-zero-point',
      'The point 0, for which every shared secret is zero.',
      withX(new Uint8Array(32)),
      UNDECRYPTABLE,
    ),
    opening(
      'x25519-low-order',
      'The point 1, of low order.',
      withX(Uint8Array.of(1, ...new Uint8Array(31))),
      UNDECRYPTABLE,
    ),
  ];
}

function points({ base, message }: Forge): OpeningVector[] {
  const [first] = base.message.recipients;
  const ephemeral = first?.unprotectedHeader.get(-1) as CborMap;
  const y = ephemeral.get(-3) as Uint8Array;
  const negative = (P256_FIELD - BigInt(`0x${Buffer.from(y).toString('hex')}`)).toString(16).padStart(64, '0');
  const withY = (other: Uint8Array) =>
    message({ recipients: withEphemeral(base, patched(ephemeral, new Map([[-3, other]]))) });
  const who = { keys: ['bob.laptop.seal'], sender: { key: 'carol.sign' } };
  return [
    opening(
      'p256-other-y',
      'The point -Q: the shared secret is the same, the key is not.',
      withY(new Uint8Array(Buffer.from(negative, 'hex'))),
      UNDECRYPTABLE,
      who,
    ),
    opening('p256-off-curve', 'A point that is not on the curve.', withY(flipped(y, 31)), UNDECRYPTABLE, who),
  ];
}

function withEphemeral({ message }: SealedCase, ephemeral: CborMap): Uint8Array {
  const [first] = message.recipients;
  if (!first) throw new RangeError('a message without recipients');
  return encodeCbor([
    [first.protectedBytes, patched(first.unprotectedHeader, new Map([[-1, ephemeral]])), first.ciphertext],
  ]);
}
