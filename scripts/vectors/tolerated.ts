import { type CborMap, type CborValue, encodeCbor } from '../../src/bytes/cbor.js';
import { fixedBytes } from './fixed-provider.js';
import { type Forge, filledHeader, openings, patched, twoKeys } from './forge.js';
import type { SealedCase } from './sealed.js';
import type { OpeningVector } from './types.js';

const OPENED = { kind: 'opened' } as const;

/** What a writer of this version does not write and a reader has to pass over. */
export function tolerated(forge: Forge, mixed: SealedCase): OpeningVector[] {
  const cases = [...inHeaders(forge), ...inRecipients(forge), ...ofTheSignedPart(forge), ...elsewhere(forge, mixed)];
  return openings(OPENED, cases);
}

type Cases = Parameters<typeof openings>[1];

const UNKNOWN: readonly [number | string, CborValue][] = [
  [99, true],
  ['note', [null, new Map([[1, 'x']])]],
];

function inHeaders({ base, message, resigned }: Forge): Cases {
  const { protectedHeader, unprotectedHeader } = base.message;
  const outer = message({
    protectedBytes: encodeCbor(patched(protectedHeader, new Map(UNKNOWN.slice(0, 1)))),
    unprotected: encodeCbor(patched(unprotectedHeader, new Map(UNKNOWN.slice(1)))),
  });
  const withPartialIv = encodeCbor(patched(unprotectedHeader, new Map([[6, Uint8Array.of(1)]])));
  const claims = patched(base.sign1.protectedHeader.get(15) as CborMap, new Map(UNKNOWN));
  const signed = resigned({ header: new Map<number | string, CborValue>([...UNKNOWN, [15, claims]]) });
  return [
    ['unknown-outer-label', 'Unknown labels in the outer headers.', outer],
    ['partial-iv-beside-iv', 'A Partial IV (label 6) beside the iv.', message({ unprotected: withPartialIv })],
    ['header-1024', 'Outer headers of exactly 1,024 bytes.', message({ unprotected: filledHeader(base, 1024) })],
    ['unknown-signed-label', 'Unknown labels in the signed header and the claims.', signed],
  ];
}

function inRecipients({ base, resigned }: Forge): Cases {
  const [mine] = base.message.recipients;
  if (!mine) throw new RangeError('a message without recipients');
  const { protectedBytes, unprotectedHeader, ciphertext } = mine;
  const more: CborValue = [protectedBytes, patched(unprotectedHeader, new Map(UNKNOWN)), ciphertext];
  const kid = new Map([[4, fixedBytes('stranger', 8)]]);
  const stranger: CborValue = [encodeCbor(new Map([[1, -70000]])), kid, new Uint8Array(1120)];
  const withRecipients = (...list: CborValue[]) => {
    const recipients = encodeCbor(list);
    return resigned({ recipients }, { recipients });
  };
  const named: CborValue = [new Uint8Array(0), new Map<number, CborValue>([...kid, [1, 'x-own']]), new Uint8Array(0)];
  const good: CborValue = [protectedBytes, unprotectedHeader, ciphertext];
  return [
    ['unknown-recipient-label', 'Unknown labels in a recipient.', withRecipients(more)],
    [
      'unknown-recipient-algorithm',
      'Before mine, a recipient of an unknown algorithm.',
      withRecipients(stranger, good),
    ],
    ['text-recipient-algorithm', 'Before mine, a recipient whose alg is text.', withRecipients(named, good)],
  ];
}

function ofTheSignedPart({ base, resigned }: Forge): Cases {
  const withHeader = (...change: [number, CborValue | undefined][]) => resigned({ header: new Map(change) });
  const cwt = base.sign1.protectedHeader.get(15) as CborMap;
  const several = new Map<number, CborValue | undefined>([
    [15, patched(cwt, new Map([[3, ['bob']]]))],
    [-65537, undefined],
  ]);
  return [
    ['unknown-content-format', 'A content type number that the reader has no media type for.', withHeader([3, 11542])],
    ['content-type-128', 'A content type of 128 characters.', withHeader([3, 'x'.repeat(128)])],
    [
      'to-of-another',
      'A "to" although aud is not the sender: only the application looks at it.',
      withHeader([-65540, 'carol']),
    ],
    ['aud-array-without-seq', 'An array of receivers, and no seq.', resigned({ header: several }, { audience: null })],
  ];
}

function elsewhere({ base, message, resigned, signed }: Forge, mixed: SealedCase): Cases {
  const keys = ['alice.tablet.seal', 'bob.phone.seal'];
  const recipients = twoKeys(base, mixed);
  const different = resigned({ recipients }, { recipients });
  const mine = ['bob.phone.seal', 'bob.laptop.seal'];
  const signal = resigned({ family: 'signal' }, { family: 'signal' });
  return [
    ['unusual-padding', 'Padding of one byte.', message({ plaintext: Uint8Array.of(...signed(), 0) })],
    ['two-content-keys', 'Two of my keys unwrap to different keys; the first decrypts.', different, { keys: mine }],
    ['two-content-keys-turned', 'The same, my keys in the other order.', different, { keys: mine.toReversed() }],
    ['reserved-family', 'A family that has no meaning yet.', signal, { family: 'signal' }],
    ['several-keys', 'A device with a retired key beside the present one.', message(), { keys }],
  ];
}
