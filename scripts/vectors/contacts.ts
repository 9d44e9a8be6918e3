import { toHex } from '../../src/bytes/bytes.js';
import { atOnce, run } from '../../src/crypto/steps.js';
import { cardText, makeCard } from '../../src/protocol/identity/contact-card.js';
import { fingerprint, type SafetyMember, safetyNumber } from '../../src/protocol/identity/safety-number.js';
import { fixedProvider } from './fixed-provider.js';
import { key, thumbprintOf } from './keys.js';
import { recordCases } from './records.js';
import { NOW } from './sealed.js';

const { provider } = fixedProvider('contacts');

const CARDS = [
  { name: 'a card', brief: false, details: {} },
  {
    name: 'a card with a name and a registration proof',
    brief: false,
    details: { name: 'Alice', infoOk: new Uint8Array(3) },
  },
  { name: 'a brief card', brief: true, details: { name: 'Alice' } },
] as const;

const NUMBERS = [
  { name: 'two people', people: ['alice', 'bob'] },
  { name: 'three people', people: ['alice', 'bob', 'carol'] },
  { name: 'the same three in another order', people: ['carol', 'alice', 'bob'] },
] as const;

/** Contact cards of alice's phone, and safety numbers. */
export function contactVectors() {
  const alice = recordCases().find(({ name }) => name === 'alice-1');
  if (!alice) throw new RangeError('no record of alice');
  const { record } = alice;
  return {
    source: 'made by scripts/make-vectors.ts; the keys and the record are those of envelope.json',
    now: NOW,
    signKey: 'alice.sign',
    record: 'alice-1',
    cards: CARDS.map(({ name, brief, details }) => {
      const draft = { record, brief, ...details, issuedAt: NOW, expiresAt: NOW + 86_400 };
      const card = atOnce(run(makeCard(provider, { signKey: key('alice.sign') }, draft)));
      return { name, text: cardText(card), card: toHex(card.bytes), ...draft, ...shown(card), record: !brief };
    }),
    numbers: NUMBERS.map(({ name, people }) => {
      const members = people.map((address) => ({ address, identity: thumbprintOf(`${address}.identity`) }));
      return { name, members: members.map(memberVector), ...atOnce(run(safetyNumber(provider, members))) };
    }),
  };
}

function shown({ identity, infoOk }: { identity: Uint8Array; infoOk?: Uint8Array }) {
  return { address: 'alice', identity: toHex(identity), ...(infoOk && { infoOk: toHex(infoOk) }) };
}

function memberVector(member: SafetyMember) {
  const print = atOnce(run(fingerprint(provider, member)));
  return { address: member.address, identity: toHex(member.identity), fingerprint: toHex(print) };
}
