import { concat } from '../../src/bytes/bytes.js';
import { type CborMap, type CborValue, encodeCbor } from '../../src/bytes/cbor.js';
import { publicKeyMap } from '../../src/cose/key.js';
import { type Forge, flipped, opening, openings, patched } from './forge.js';
import { key } from './keys.js';
import type { OpeningVector } from './types.js';

const CBOR = { kind: 'malformed', code: 'DECODE_CBOR' } as const;
const COSE = { kind: 'malformed', code: 'DECODE_COSE' } as const;
const KEY = { kind: 'malformed', code: 'DECODE_KEY' } as const;

const hex = (text: string) => new Uint8Array(Buffer.from(text, 'hex'));
const NOTHING = new Uint8Array(0);

type Change = readonly [label: number | string, value: CborValue | undefined];

/** Recipients that do not fit the profile: refused before any key is touched. */
export function refusedRecipients(forge: Forge): OpeningVector[] {
  return [...arrays(forge), ...headers(forge), ...algorithms(forge), ...sizes(forge), ...ephemeralKeys(forge)];
}

/** The one recipient of the message, and messages with others in its place. */
function recipientOf({ base, message }: Forge) {
  const [first] = base.message.recipients;
  if (!first) throw new RangeError('a message without recipients');
  const { protectedBytes, unprotectedHeader, ciphertext } = first;
  const withRecipients = (...recipients: CborValue[]) => message({ recipients: encodeCbor(recipients) });
  return {
    ...first,
    kid: unprotectedHeader.get(4) as Uint8Array,
    good: [protectedBytes, unprotectedHeader, ciphertext] as CborValue,
    withRecipients,
    /** With other parameters in its unprotected header. */
    changed: (...change: Change[]) =>
      withRecipients([protectedBytes, patched(unprotectedHeader, new Map(change)), ciphertext]),
  };
}

function arrays(forge: Forge): OpeningVector[] {
  const { protectedBytes, unprotectedHeader, ciphertext, good, withRecipients } = recipientOf(forge);
  const indefinite = concat(hex('9f'), encodeCbor(good), hex('ff'));
  const sameKid: CborValue = [protectedBytes, unprotectedHeader, flipped(ciphertext, 0)];
  const nested: CborValue = [protectedBytes, unprotectedHeader, ciphertext, []];
  const alone = forge.message({ recipients: encodeCbor(good) });
  return [
    ...openings(COSE, [
      ['no-recipients', 'An empty recipients array.', withRecipients()],
      ['257-recipients', 'One recipient too many.', withRecipients(...Array.from({ length: 257 }, stranger))],
      ['recipients-not-an-array', 'A single recipient without the array around it.', alone],
      ['repeated-kid', 'Two recipients with one kid.', withRecipients(good, sameKid)],
      ['nested-recipients', 'A recipient with recipients of its own.', withRecipients(nested)],
    ]),
    opening(
      'indefinite-recipients',
      'A recipients array of indefinite length.',
      forge.message({ recipients: indefinite }),
      CBOR,
    ),
  ];
}

/** A recipient of an unknown algorithm. */
function stranger(_: unknown, i: number): CborValue {
  const kid = Uint8Array.of(0, 0, 0, 0, 0, 0, i >> 8, i & 255);
  return [NOTHING, withEntries([1, -70000], [4, kid]), NOTHING];
}

function headers(forge: Forge): OpeningVector[] {
  const { unprotectedHeader, ciphertext, kid, changed, withRecipients } = recipientOf(forge);
  const withProtected = (header: string) => withRecipients([hex(header), unprotectedHeader, ciphertext]);
  const unprotected = patched(unprotectedHeader, new Map([[1, -31]]));
  return openings(COSE, [
    ['no-kid', 'A recipient without kid.', changed([4, undefined])],
    ['long-kid', 'A kid of 9 bytes.', changed([4, concat(kid, Uint8Array.of(0))])],
    ['salt', 'Label -20, salt.', changed([-20, new Uint8Array(32)])],
    ['party-u-identity', 'Label -21, PartyU identity.', changed([-21, hex('00')])],
    ['party-v-other', 'Label -26, PartyV other.', changed([-26, hex('00')])],
    ['unprotected-ecdh', 'ECDH-ES + A256KW not protected.', withRecipients([NOTHING, unprotected, ciphertext])],
    ['more-in-recipient-header', 'Another protected parameter beside ECDH-ES.', withProtected('a201381e1863f5')],
    ['recipient-critical', 'crit in a recipient.', withProtected('a301381e028118631863f5')],
  ]);
}

/** A recipient is somebody else's by its alg only: without one it is nobody's. */
function algorithms(forge: Forge): OpeningVector[] {
  const { kid, withRecipients } = recipientOf(forge);
  const foreign = (...alg: [number, CborValue][]) => withRecipients([NOTHING, withEntries(...alg, [4, kid]), NOTHING]);
  const kidProtected: CborValue = [encodeCbor(withEntries([1, -70000], [4, kid])), new Map(), NOTHING];
  return openings(COSE, [
    ['recipient-without-alg', 'A recipient without alg.', foreign()],
    ['recipient-alg-nil', 'A recipient whose alg is nil.', foreign([1, null])],
    ['recipient-alg-true', 'A recipient whose alg is true.', foreign([1, true])],
    ['recipient-alg-bytes', 'A recipient whose alg is a byte string.', foreign([1, hex('381e')])],
    [
      'foreign-kid-protected',
      'The kid of a recipient of an unknown algorithm, protected.',
      withRecipients(kidProtected),
    ],
  ]);
}

function sizes(forge: Forge): OpeningVector[] {
  const { protectedBytes, unprotectedHeader, kid, withRecipients } = recipientOf(forge);
  const long: CborValue = [protectedBytes, unprotectedHeader, new Uint8Array(48)];
  const rsaProtected: CborValue = [hex('a1013828'), withEntries([4, kid]), new Uint8Array(384)];
  const rsaShort: CborValue = [NOTHING, withEntries([1, -41], [4, kid]), new Uint8Array(256)];
  return openings(COSE, [
    ['wrapped-key-size', 'A wrapped key of 48 bytes.', withRecipients(long)],
    ['rsa-protected', 'RSAES-OAEP in the protected header.', withRecipients(rsaProtected)],
    ['rsa-short', 'An RSAES-OAEP ciphertext of 256 bytes.', withRecipients(rsaShort)],
  ]);
}

function ephemeralKeys(forge: Forge): OpeningVector[] {
  const { unprotectedHeader, changed } = recipientOf(forge);
  const ephemeral = unprotectedHeader.get(-1) as CborMap;
  const withParameter = (...change: Change[]) => changed([-1, patched(ephemeral, new Map(change))]);
  const rsa = publicKeyMap(key('bob.gateway.seal').publicKey);
  const p256 = publicKeyMap(key('bob.laptop.seal').publicKey);
  const compressed = patched(p256, new Map([[-3, true]]));
  const trueCurve = patched(p256, new Map([[-1, true]]));
  return [
    ...openings(KEY, [
      ['no-ephemeral-key', 'An ECDH recipient without ephemeral key.', changed([-1, undefined])],
      ['short-ephemeral-key', 'An X25519 key of 31 bytes.', withParameter([-2, new Uint8Array(31)])],
      ['ephemeral-private-key', 'An ephemeral COSE_Key with d.', withParameter([-4, new Uint8Array(32)])],
      ['ephemeral-with-alg', 'A parameter that thumbprints do not have.', withParameter([3, -31])],
      ['ephemeral-x448', 'An unknown curve.', withParameter([-1, 5])],
      ['ephemeral-kty-true', 'true in place of the key type 1.', withParameter([1, true])],
      ['ephemeral-crv-true', 'true in place of the curve 1.', changed([-1, trueCurve])],
      ['compressed-point', 'A P-256 key with a sign in place of y.', changed([-1, compressed])],
    ]),
    ...openings(COSE, [
      ['ephemeral-ed25519', 'An Ed25519 key as ephemeral key.', withParameter([-1, 6])],
      ['ephemeral-rsa', 'An RSA key as ephemeral key.', changed([-1, rsa])],
    ]),
  ];
}

function withEntries(...entries: [number, CborValue][]): CborMap {
  return new Map(entries);
}
