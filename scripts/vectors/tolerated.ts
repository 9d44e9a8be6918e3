import { type CborMap, type CborValue, encodeCbor } from '../../src/bytes/cbor.js';
import { fixedBytes } from './fixed-provider.js';
import { type Forge, openings, patched } from './forge.js';
import type { OpeningVector } from './types.js';

const OPENED = { kind: 'opened' } as const;

/** What a writer of this version does not write and a reader has to pass over. */
export function tolerated(forge: Forge): OpeningVector[] {
  return openings(OPENED, [...inHeaders(forge), ...inRecipients(forge), ...elsewhere(forge)]);
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
  const claims = patched(base.sign1.protectedHeader.get(15) as CborMap, new Map(UNKNOWN));
  const signed = resigned({ header: new Map<number | string, CborValue>([...UNKNOWN, [15, claims]]) });
  return [
    ['unknown-outer-label', 'Unknown labels in the outer headers.', outer],
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
  const beside = withRecipients(stranger, [protectedBytes, unprotectedHeader, ciphertext]);
  return [
    ['unknown-recipient-label', 'Unknown labels in a recipient.', withRecipients(more)],
    ['unknown-recipient-algorithm', 'Beside mine, a recipient of an unknown algorithm.', beside],
  ];
}

function elsewhere({ message, resigned, signed }: Forge): Cases {
  const keys = ['alice.tablet.seal', 'bob.phone.seal'];
  const format = resigned({ header: new Map([[3, 11542]]) });
  return [
    ['unknown-content-format', 'A content type number without a media type that the reader knows.', format],
    ['unusual-padding', 'Padding of one byte.', message({ plaintext: Uint8Array.of(...signed(), 0) })],
    ['several-keys', 'A device with a retired key beside the present one.', message(), { keys }],
  ];
}
