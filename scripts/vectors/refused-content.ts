import { concat, toHex, utf8 } from '../../src/bytes/bytes.js';
import { type CborMap, type CborValue, encodeCbor, Tagged } from '../../src/bytes/cbor.js';
import { decodeEncrypt, encodeEncrypt } from '../../src/cose/encrypt.js';
import { decodeSign1 } from '../../src/cose/sign1.js';
import { type Forge, flipped, opening, openings, padded, patched, withOtherS } from './forge.js';
import { thumbprintOf } from './keys.js';
import { NOW, type SealedCase } from './sealed.js';
import type { OpeningVector } from './types.js';

const CBOR = { kind: 'malformed', code: 'DECODE_CBOR' } as const;
const COSE = { kind: 'malformed', code: 'DECODE_COSE' } as const;
const CLAIMS = { kind: 'malformed', code: 'DECODE_CLAIMS' } as const;
const UNSIGNED = { kind: 'unverifiable', code: 'VERIFY_SIGNATURE' } as const;

/** The messages that variants are made of. */
interface Bases {
  readonly forge: Forge;
  readonly p256: Forge;
  readonly rsa: Forge;
  readonly several: Forge;
  readonly mixed: SealedCase;
}

type Cases = Parameters<typeof openings>[1];
type Change = readonly (readonly [number | string, CborValue | undefined])[];

/** What decrypts, and is refused for what it says or for who signed it. */
export function refusedContents(bases: Bases): OpeningVector[] {
  const { forge, several, mixed } = bases;
  return [
    ...plaintexts(forge),
    ...signedHeaders(forge),
    ...openings(CLAIMS, [...claims(forge), ...parameters(forge), ...audiences(forge)]),
    ...readers(forge, several, mixed),
    ...signatures(forge),
    ...otherForms(bases),
    ...senders(forge),
  ];
}

function plaintexts({ base, message, signed }: Forge): OpeningVector[] {
  const sign1 = signed();
  const { protectedHeader, protectedBytes, payload, signature } = base.sign1;
  const around = (plaintext: Uint8Array) => message({ plaintext });
  const tagged = (tag: number, ...items: CborValue[]) => around(padded(encodeCbor(new Tagged(tag, items))));
  const withoutKid = encodeCbor(patched(protectedHeader, new Map([[4, undefined]])));
  const kid = new Map([[4, thumbprintOf('alice.sign')]]);
  const parts = [protectedBytes, new Map(), payload, signature] as const;
  return [
    ...openings(COSE, [
      ['padding-not-zero', 'A padding byte that is not zero.', around(flipped(padded(sign1), -1))],
      ['two-signed-parts', 'A second Sign1 where padding belongs.', around(concat(sign1, sign1))],
      ['only-padding', 'Nothing but padding.', around(new Uint8Array(256))],
      ['sign1-untagged', 'A Sign1 without tag 18.', around(padded(sign1.subarray(1)))],
      ['sign1-wrong-tag', 'Tag 96 inside.', tagged(96, ...parts)],
      ['sign1-of-three', 'A Sign1 of three elements.', tagged(18, ...parts.slice(0, 3))],
      ['kid-unprotected', "The sender's kid not protected.", tagged(18, withoutKid, kid, payload, signature)],
    ]),
    ...openings(CBOR, [
      ['empty-plaintext', 'Nothing inside.', around(new Uint8Array(0))],
      ['sign1-cut', 'A Sign1 that ends too early.', around(sign1.subarray(0, -1))],
    ]),
  ];
}

function signedHeaders({ base, resigned }: Forge): OpeningVector[] {
  const { protectedBytes } = base.sign1;
  const unsorted = concat(protectedBytes.subarray(0, 1), protectedBytes.subarray(3), protectedBytes.subarray(1, 3));
  const changed = (label: number, value: CborValue | undefined) => resigned({ header: new Map([[label, value]]) });
  return [
    ...openings(COSE, [
      ['detached-payload', 'nil in place of the payload.', resigned({ payload: null })],
      ['signed-critical', 'crit in the signed header.', changed(2, [-65537])],
      ['signed-without-kid', 'No kid in the signed header.', changed(4, undefined)],
    ]),
    opening('signed-unsorted', 'alg behind the other signed labels.', resigned({ protectedBytes: unsorted }), CBOR),
  ];
}

function withClaims({ base, resigned }: Forge) {
  const cwt = base.sign1.protectedHeader.get(15) as CborMap;
  return (change: Change) => resigned({ header: new Map([[15, patched(cwt, new Map(change))]]) });
}

function claims(forge: Forge): Cases {
  const withCwt = withClaims(forge);
  return [
    ['no-claims', 'No CWT claims.', forge.resigned({ header: new Map([[15, undefined]]) })],
    ['no-iss', 'No iss.', withCwt([[1, undefined]])],
    ['iss-topic', 'An iss that would climb in a topic or URL.', withCwt([[1, 'alice/../bob']])],
    ['iss-upper-case', 'An iss in upper case.', withCwt([[1, 'Alice']])],
    ['iss-reserved', 'A reserved word as iss.', withCwt([[1, 'relay']])],
    ['no-iat', 'No iat.', withCwt([[6, undefined]])],
    ['iat-negative', 'A negative iat.', withCwt([[6, -1]])],
    ['iat-text', 'iat as text.', withCwt([[6, String(NOW)]])],
    ['iat-true', 'true as iat.', withCwt([[6, true]])],
    ['exp-text', 'exp as text.', withCwt([[4, 'never']])],
    ['no-cti', 'No cti.', withCwt([[7, undefined]])],
    ['cti-short', 'cti of 15 bytes.', withCwt([[7, new Uint8Array(15)]])],
  ];
}

function parameters({ resigned }: Forge): Cases {
  const withHeader = (change: Change) => resigned({ header: new Map(change) });
  return [
    ['seq-zero', 'seq 0.', withHeader([[-65537, 0]])],
    ['seq-true', 'true as seq.', withHeader([[-65537, true]])],
    ['seq-array', 'An array of seq for one receiver.', withHeader([[-65537, [1]]])],
    ['channel-empty', 'An empty channel.', withHeader([[-65538, '']])],
    ['channel-long', 'A channel of 257 characters.', withHeader([[-65538, 'x'.repeat(257)]])],
    ['stream-text', 'stream as text.', withHeader([[-65539, '1']])],
    ['to-invalid', 'A "to" that is no address.', withHeader([[-65540, 'bob#']])],
    ['in-reply-to-short', 'inReplyTo of 8 bytes.', withHeader([[-65541, new Uint8Array(8)]])],
    ['version-negative', 'A negative version.', withHeader([[-65542, -1]])],
    ['tag-key-short', 'tagKey of 16 bytes.', withHeader([[-65543, new Uint8Array(16)]])],
    ['content-type-bytes', 'A content type that is neither number nor text.', withHeader([[3, new Uint8Array(1)]])],
    ['content-type-empty', 'An empty content type.', withHeader([[3, '']])],
    ['content-type-129', 'A content type of 129 characters.', withHeader([[3, 'x'.repeat(129)]])],
  ];
}

function audiences(forge: Forge): Cases {
  const withCwt = withClaims(forge);
  const cwt = forge.base.sign1.protectedHeader.get(15) as CborMap;
  const toBoth = patched(cwt, new Map([[3, ['bob', 'carol']]]));
  const numbered = (seq: CborValue) => {
    const header = new Map<number, CborValue>([
      [15, toBoth],
      [-65537, seq],
    ]);
    return forge.resigned({ header }, { audience: null });
  };
  return [
    ['no-aud', 'No aud.', withCwt([[3, undefined]])],
    ['aud-wildcard', 'A topic wildcard as aud.', withCwt([[3, '+']])],
    ['aud-empty', 'An empty array of receivers.', withCwt([[3, []]])],
    ['aud-unsorted', 'Receivers that are not sorted.', withCwt([[3, ['carol', 'bob']]])],
    ['aud-by-encoding', 'Receivers sorted by their encodings, the shorter first.', withCwt([[3, ['b', 'aa']]])],
    ['aud-repeated', 'A receiver twice.', withCwt([[3, ['bob', 'bob']]])],
    ['seq-for-several', 'One seq for two receivers.', numbered(1)],
    ['seq-too-few', 'An array of one seq for two receivers.', numbered([1])],
  ];
}

/** The right sender signed it, but for another receiver, purpose or set of readers. */
function readers({ base, resigned, message, signed }: Forge, several: Forge, mixed: SealedCase): OpeningVector[] {
  const cwt = base.sign1.protectedHeader.get(15) as CborMap;
  const forCarol = new Map([[15, patched(cwt, new Map([[3, 'carol']]))]]);
  const forBoth = new Map<number, CborValue>([
    [15, patched(cwt, new Map([[3, ['bob', 'carol']]]))],
    [-65537, [1, 1]],
  ]);
  const whole = decodeEncrypt(Buffer.from(mixed.vector.message, 'hex'), 256);
  const onlyPhone = encodeCbor(
    whole.recipients.slice(0, 1).map((one) => [one.protectedBytes, one.unprotectedHeader, one.ciphertext]),
  );
  const recipients = several.base.message.recipientsBytes;
  return [
    opening('signed-for-another', 'The signed aud is not the receiver.', resigned({ header: forCarol }), UNSIGNED),
    opening('nil-for-one', 'An outer aud of nil around a signed aud of one.', message({ audience: null }), UNSIGNED),
    opening('one-for-several', 'An outer aud of one around a signed array.', resigned({ header: forBoth }), UNSIGNED),
    opening('not-among-several', 'A signed array that the receiver is not in.', several.message(), UNSIGNED, {
      address: 'dave',
    }),
    opening(
      'reader-removed',
      'A recipient was taken out of the array on the way.',
      encodeEncrypt({ ...whole, recipientsBytes: onlyPhone }),
      UNSIGNED,
    ),
    opening(
      'passed-on',
      'A Sign1 that a receiver has put into a message of its own.',
      message({ plaintext: padded(signed({ recipients })) }),
      UNSIGNED,
    ),
    opening(
      'other-family-signed',
      'A Sign1 of family will in a message of family message.',
      resigned({ family: 'will' }),
      UNSIGNED,
    ),
    opening('other-purpose', 'A signature made for the purpose notice.', resigned({ purpose: 'notice' }), UNSIGNED),
  ];
}

function signatures({ base, resigned }: Forge): OpeningVector[] {
  const { signature } = base.sign1;
  const changed = (label: number, value: CborValue | undefined) => resigned({ header: new Map([[label, value]]) });
  const byMallory = resigned({ signKey: 'mallory.sign' });
  const otherPayload = resigned({ payload: utf8('Hello, Rob.'), signature });
  const sender = { key: 'mallory.sign' };
  const shortKid = thumbprintOf('alice.sign').slice(0, 8);
  return openings(UNSIGNED, [
    ['signature-tampered', 'One bit of the signature.', resigned({ signature: flipped(signature, 0) })],
    ['signature-empty', 'An empty signature.', resigned({ signature: new Uint8Array(0) })],
    ['payload-tampered', 'A payload other than the signed one.', otherPayload],
    ['signed-by-another', 'A signature by another key than the kid names.', byMallory],
    ['kid-of-another', 'A look-up that answers a key with another thumbprint.', byMallory, { sender }],
    ['alg-of-another-key', 'alg ESP256 with an Ed25519 key.', changed(1, -9)],
    ['alg-eddsa', 'alg -8 (EdDSA, which does not name the curve).', changed(1, -8)],
    ['alg-missing', 'No alg.', changed(1, undefined)],
    ['kid-short', 'A kid of 8 bytes in the signed header.', changed(4, shortKid)],
  ]);
}

/** What is as valid as the first by the algorithm's own equation, and anybody can make. */
function otherForms({ forge, p256, rsa }: Bases): OpeningVector[] {
  const [ed25519, ecdsa] = [forge.base.sign1.signature, p256.base.sign1.signature];
  return [
    opening(
      'esp256-high-s',
      'The ECDSA signature with n - s in place of s.',
      p256.resigned({ signature: withOtherS(ecdsa) }),
      UNSIGNED,
      { keys: ['bob.laptop.seal'], sender: { key: 'carol.sign' } },
    ),
    opening(
      'ed25519-large-s',
      'The Ed25519 signature with S + L in place of S.',
      forge.resigned({ signature: withLargeS(ed25519) }),
      UNSIGNED,
    ),
    opening(
      'ps256-short',
      'An RSA signature that begins with a zero byte, without it: the same number in 383 bytes.',
      shortSignature(rsa),
      UNSIGNED,
      { keys: ['bob.gateway.seal'], sender: { key: 'dave.sign' } },
    ),
  ];
}

/** A message whose signature came out with a zero byte in front, and lost it: one of 256 does. */
function shortSignature({ signed, resigned }: Forge): Uint8Array {
  for (let i = 0; ; i++) {
    const payload = utf8(`Hello, Bob. ${i}`);
    const { signature } = decodeSign1(signed({ payload }));
    if (signature[0] === 0) return resigned({ payload, signature: signature.subarray(1) });
  }
}

/** Order L of the base point of Ed25519 (RFC 8032 §5.1). */
const ED25519_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

function withLargeS(signature: Uint8Array): Uint8Array {
  const s = BigInt(`0x${toHex(signature.slice(32).reverse())}`) + ED25519_ORDER;
  const bytes = Uint8Array.from(Buffer.from(s.toString(16).padStart(64, '0'), 'hex'));
  return concat(signature.subarray(0, 32), bytes.reverse());
}

function senders({ message }: Forge): OpeningVector[] {
  const reasons = ['unknown-sender', 'unknown-key', 'retired', 'revoked', 'held', 'blocked'] as const;
  return reasons.map((reason) =>
    opening(
      `sender-${reason}`,
      `The look-up of the sender's key answers ${reason}.`,
      message(),
      { kind: 'sender-refused', reason },
      { sender: { refused: reason } },
    ),
  );
}
