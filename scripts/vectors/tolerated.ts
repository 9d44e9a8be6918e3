import { type CborMap, type CborValue, encodeCbor } from '../../src/bytes/cbor.js';
import { fixedBytes } from './fixed-provider.js';
import { type Forge, opening, patched } from './forge.js';
import type { OpeningVector } from './types.js';

const OPENED = { kind: 'opened' } as const;

/** What a writer of this version does not write and a reader has to pass over. */
export function tolerated(forge: Forge): OpeningVector[] {
  const { base, message, resigned, signed } = forge;
  const [first] = base.message.recipients;
  if (!first) throw new RangeError('a message without recipients');
  const cwt = base.sign1.protectedHeader.get(15) as CborMap;
  const unknown: [number | string, CborValue][] = [
    [99, true],
    ['note', [null, new Map([[1, 'x']])]],
  ];
  const recipient = (extra: typeof unknown): CborValue => [
    first.protectedBytes,
    patched(first.unprotectedHeader, new Map(extra)),
    first.ciphertext,
  ];
  const stranger: CborValue = [
    encodeCbor(new Map([[1, -70000]])),
    new Map<number, CborValue>([[4, fixedBytes('stranger', 8)]]),
    new Uint8Array(1120),
  ];
  const withRecipients = (...recipients: CborValue[]) => {
    const bytes = encodeCbor(recipients);
    return resigned({ recipients: bytes }, { recipients: bytes });
  };
  return [
    opening(
      'unknown-outer-label',
      'Unknown labels in the outer headers.',
      message({
        protectedBytes: encodeCbor(patched(base.message.protectedHeader, new Map(unknown.slice(0, 1)))),
        unprotected: encodeCbor(patched(base.message.unprotectedHeader, new Map(unknown.slice(1)))),
      }),
      OPENED,
    ),
    opening('unknown-recipient-label', 'Unknown labels in a recipient.', withRecipients(recipient(unknown)), OPENED),
    opening(
      'unknown-recipient-algorithm',
      'Beside mine, a recipient of an unknown algorithm.',
      withRecipients(stranger, recipient([])),
      OPENED,
    ),
    opening(
      'unknown-signed-label',
      'Unknown labels in the signed header and the claims.',
      resigned({
        header: new Map<number | string, CborValue>([...unknown, [15, patched(cwt, new Map(unknown))]]),
      }),
      OPENED,
    ),
    opening(
      'unknown-content-format',
      'A content type number that the reader has no media type for.',
      resigned({ header: new Map([[3, 11542]]) }),
      OPENED,
    ),
    opening(
      'unusual-padding',
      "Padding of one byte: its amount is the writer's affair.",
      message({ plaintext: Uint8Array.of(...signed(), 0) }),
      OPENED,
    ),
    opening('several-keys', 'A device with a retired key beside the present one.', message(), OPENED, {
      keys: ['alice.tablet.seal', 'bob.phone.seal'],
    }),
  ];
}
