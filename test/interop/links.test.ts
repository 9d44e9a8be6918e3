import { describe, expect, test } from 'vitest';
import { nativeProvider, run } from '../../src/crypto/index.js';
import { encodeControl } from '../../src/protocol/envelope/control.js';
import {
  addDevice,
  answerOffer,
  createAccount,
  generateDeviceKeys,
  linkText,
  nextRecord,
  offerLink,
  startLink,
  welcomeDevice,
} from '../../src/protocol/identity/index.js';
import { peer } from '../peers/require.js';
import { askPython, pythonAvailable } from './python.js';
import { hex, named, type Vectors, vectorsOf } from './vectors.js';

const vectors = vectorsOf<Vectors>('envelope.json');
const provider = nativeProvider();

/** A device link between two devices of ours. */
async function freshLink() {
  const now = vectors.now;
  const owner = await run(createAccount(provider, { address: 'alice', now }));
  const device = await run(generateDeviceKeys(provider, 'P256-ESP256'));
  const waiting = await run(startLink(provider, device, owner.record, { now, name: 'tablet' }));
  const text = linkText(waiting.link);
  const offered = await run(offerLink(provider, owner.identityKey, owner.record, { text, now }));
  const answered = (await run(answerOffer(provider, device, waiting, offered.offer)))?.answered;
  if (!answered) throw new TypeError('not answered');
  const record = await run(nextRecord(provider, owner.identityKey, owner.record, addDevice(offered.link.device), now));
  const welcome = await run(welcomeDevice(provider, owner.identityKey, offered, { record }));
  const { reveal, digits } = answered;
  const job = { op: 'link', text, offer: hex(offered.offer), reveal: hex(reveal), welcome: hex(welcome), now };
  return { job, digits, record };
}

describe.skipIf(!peer('python3-cbor2', pythonAvailable()))('a device link, read by the reader in Python', () => {
  const { text, offer, reveal, welcome, bytes, hash, offerSigStructure, digits } = named(vectors.links, 'link');
  const vector = { op: 'link', text, offer, reveal, welcome, now: vectors.now };

  test('of the vectors: every value; its record lacks the device', () => {
    const [answer] = askPython([vector]);
    expect(answer).toEqual({ kind: 'verified', bytes, hash, offerSigStructure, digits, linked: false });
  });

  test.each([
    ['too late', { now: vectors.now + 601 }, 'unverifiable'],
    ['the reveal for the offer', { offer: reveal }, 'malformed'],
    ['the offer for the welcome', { welcome: offer }, 'malformed'],
    ['a link that is cut off', { text: text.slice(0, -8) }, 'malformed'],
    ['another reveal', { reveal: `${reveal.slice(0, -2)}ff` }, 'unverifiable'],
  ])('refused: %s', (_, change, kind) => {
    expect(askPython([{ ...vector, ...change }])[0]?.kind).toBe(kind);
  });

  test('of today: the same digits, and the device is let in by its own link only', async () => {
    const [one, other] = [await freshLink(), await freshLink()];
    const [answer, mixed] = askPython([one.job, { ...one.job, offer: other.job.offer }]);
    expect(answer).toMatchObject({ kind: 'verified', digits: one.digits, linked: true });
    expect(mixed?.kind).toBe('unverifiable');
    const notice = hex(encodeControl({ kind: 'record', record: one.record.bytes }));
    const [told] = askPython([{ op: 'control', bytes: notice }]);
    expect(told).toEqual({ kind: 'verified', control: { kind: 'record', record: hex(one.record.bytes) } });
  });
});
