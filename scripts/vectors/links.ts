import { toHex } from '../../src/bytes/bytes.js';
import { encodeCbor } from '../../src/bytes/cbor.js';
import { decodeSign1, sigStructure } from '../../src/cose/sign1.js';
import { atOnce, run } from '../../src/crypto/steps.js';
import { linkText } from '../../src/protocol/identity/device-link.js';
import { answerOffer, offerLink, startLink, welcomeDevice } from '../../src/protocol/identity/device-linking.js';
import { fixedProvider } from './fixed-provider.js';
import { key } from './keys.js';
import type { RecordCase } from './records.js';
import { NOW } from './sealed.js';
import type { LinkVector } from './types.js';

/** The tablet of alice asks to be linked, and is. */
export function linkVectors(records: readonly RecordCase[]): LinkVector[] {
  const named = (name: string) => {
    const found = records.find((one) => one.name === name)?.record;
    if (!found) throw new RangeError('no such record');
    return found;
  };
  const { provider } = fixedProvider('link/tablet');
  const now = <T>(steps: Parameters<typeof run<T>>[0]) => atOnce(run(steps));
  const device = { id: 'aliceanewoneaaaa', signKey: key('mallory.sign'), sealKey: key('mallory.seal') };
  const waiting = now(startLink(provider, device, named('alice-1'), { now: NOW, name: 'tablet' }));
  const text = linkText(waiting.link);
  const identityKey = key('alice.identity');
  const offered = now(offerLink(provider, identityKey, named('alice-1'), { text, now: NOW }));
  const answered = now(answerOffer(provider, device, waiting, offered.offer));
  if (!answered) throw new RangeError('not answered');
  const welcome = now(welcomeDevice(provider, identityKey, offered, { record: named('alice-2') }));
  const { reveal, digits } = answered.answered;
  const aad = encodeCbor(['sealmq/1 sign', 'device-link', waiting.hash]);
  const { protectedBytes, payload } = decodeSign1(offered.offer);
  return [
    {
      name: 'link',
      about: 'A new device and the one with the identity key. The keys of the new one are those of mallory.',
      identityKey: 'alice.identity',
      signKey: 'mallory.sign',
      text,
      bytes: toHex(waiting.link.bytes),
      hash: toHex(waiting.hash),
      offerNonce: toHex(offered.nonce),
      revealNonce: toHex(waiting.nonce),
      offer: toHex(offered.offer),
      offerSigStructure: toHex(sigStructure(protectedBytes, aad, payload ?? new Uint8Array(0))),
      reveal: toHex(reveal),
      welcome: toHex(welcome),
      digits,
    },
  ];
}
