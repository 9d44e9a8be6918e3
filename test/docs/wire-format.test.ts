import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { contactVectors } from '../../scripts/vectors/contacts.js';
import { embedVectors } from '../../scripts/vectors/document.js';
import type { Vectors } from '../../scripts/vectors/types.js';
import { fromBase64url } from '../../src/bytes/base64url.js';
import { toHex } from '../../src/bytes/bytes.js';
import { type CborValue, decodeCbor, encodeCbor } from '../../src/bytes/cbor.js';
import { toMap } from '../../src/bytes/fields.js';
import { readPublicKey } from '../../src/cose/key.js';
import { Algorithm, Claim, Curve, Header, KeyType, MessageTag } from '../../src/cose/labels.js';
import { decodeSign1 } from '../../src/cose/sign1.js';
import { nativeProvider } from '../../src/crypto/native.js';
import { suites } from '../../src/crypto/suites.js';
import { isSealMQError } from '../../src/errors.js';
import { ISSUE_TOLERANCE } from '../../src/protocol/directory/claim.js';
import { STATEMENT_TOLERANCE } from '../../src/protocol/directory/statements.js';
import { MAX_RECIPIENTS } from '../../src/protocol/envelope/claims.js';
import { CONTROL_TYPE, MAX_CONTROL_RANGES } from '../../src/protocol/envelope/control.js';
import { openSync } from '../../src/protocol/envelope/open.js';
import { MAX_PAYLOAD_BYTES, MAX_SEALED_BYTES } from '../../src/protocol/envelope/profile.js';
import { DEFAULT_PADDING } from '../../src/protocol/envelope/seal.js';
import { DEFAULT_TOPIC_PREFIX } from '../../src/protocol/envelope/topics.js';
import { RETIRED_GRACE } from '../../src/protocol/identity/device.js';
import { MAX_RECORD_BYTES } from '../../src/protocol/identity/record.js';
import { parseCddl } from './cddl.js';

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
const page = read('../../docs/wire-format.md');
const vectors = JSON.parse(read('../vectors/envelope.json')) as Vectors;

const contacts = JSON.parse(read('../vectors/contacts.json')) as ReturnType<typeof contactVectors>;

const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll('\n', ''), 'hex'));
const fenced = (language: string, text: string) =>
  [...text.matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\n\`\`\``, 'g'))].map(([, body]) => body ?? '');

/** Rows of the tables in a section, cell by cell; a minus sign is one. */
function rows(section: string): string[][] {
  const text = page.split(/^#+ /m).find((part) => part.startsWith(section)) ?? '';
  const lines = text.split('\n').filter((line) => line.startsWith('|') && !/^[|\s:-]+$/.test(line));
  return lines.map((line) =>
    line
      .replaceAll('−', '-')
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

describe('the vectors in the document', () => {
  it('are those of test/vectors/envelope.json', () => {
    expect(embedVectors(page, vectors)).toBe(page);
  });

  it.each(['default-suite', 'p256-suite', 'rsa-suite'])(
    '%s opens with what stands in the document alone',
    async (name) => {
      const block = page.split(`<!-- vector sealed ${name} -->`)[1]?.split('<!-- end vector -->')[0] ?? '';
      const [privateKey = '', publicKey = '', message = ''] = fenced('hex', block);
      const native = nativeProvider();
      const senderKey = readPublicKey(decodeCbor(bytesOf(publicKey)));
      const algorithm = { 'default-suite': 'X25519', 'p256-suite': 'P-256', 'rsa-suite': 'RSA-OAEP-256' }[name];
      const key = await native.importPrivateKey(algorithm as 'X25519', bytesOf(privateKey));
      const outcome = openSync(native, bytesOf(message), {
        ...{ address: 'bob', keys: [key], now: vectors.now },
        senderKey: () => ({ key: senderKey }),
      });
      expect(outcome).toMatchObject({
        kind: 'opened',
        message: { payload: Uint8Array.from(Buffer.from('Hello, Bob.')) },
      });
    },
  );
});

describe('the CDDL of the document', () => {
  const rules = parseCddl(fenced('cddl', page).join('\n'));

  function matches(rule: string, hex: string): boolean {
    const check = rules.get(rule);
    if (!check) throw new RangeError(`no rule ${rule}`);
    return check(decodeCbor(bytesOf(hex)));
  }

  it.each(vectors.sealed)('fits every structure of $name', (sealed) => {
    expect(matches('sealed-message', sealed.message)).toBe(true);
    expect(rules.get('plaintext')?.(bytesOf(sealed.plaintext))).toBe(true);
    expect(matches('signed-part', sealed.signed.sign1)).toBe(true);
    expect(matches('signed-protected', sealed.signed.protectedHeader)).toBe(true);
    expect(matches('message-aad', sealed.signed.externalAad)).toBe(true);
    expect(matches('sig-structure', sealed.signed.sigStructure)).toBe(true);
    expect(matches('content-aad', sealed.externalAad)).toBe(true);
    expect(matches('enc-structure', sealed.encStructure)).toBe(true);
    for (const { kdfContext, ephemeralKey } of sealed.recipients) {
      if (kdfContext === undefined) continue;
      expect(matches('kdf-context', kdfContext)).toBe(true);
      expect(matches('sealing-key', ephemeralKey ?? '')).toBe(true);
    }
  });

  it.each(vectors.tolerated)('fits the tolerated $name', ({ message }) => {
    expect(matches('sealed-message', message)).toBe(true);
  });

  it.each(Object.entries(vectors.keys))('tells the public key %s from the private one', (_name, key) => {
    expect(matches('public-key', key.publicKey)).toBe(true);
    expect(matches('public-key', key.privateKey)).toBe(false);
    expect(matches('private-key', key.privateKey)).toBe(true);
    expect(matches('private-key', key.publicKey)).toBe(false);
  });

  it.each(vectors.records)('fits the record $name', ({ record, payload }) => {
    expect(matches('key-record', record)).toBe(true);
    expect(matches('record', payload)).toBe(true);
  });

  it.each(contacts.cards)('fits $name', ({ card, record }) => {
    expect(matches('contact-card', card)).toBe(true);
    const { payload } = decodeSign1(bytesOf(card));
    expect(matches(record ? 'whole-card' : 'brief-card', toHex(payload as Uint8Array))).toBe(true);
    expect(matches(record ? 'brief-card' : 'whole-card', toHex(payload as Uint8Array))).toBe(false);
  });

  it.each(contacts.numbers)('fits the safety number of $name', ({ code }) => {
    expect(rules.get('safety-code')?.(decodeCbor(fromBase64url(code.slice('sealmq:safety/'.length))))).toBe(true);
  });

  it.each([...vectors.control.accepted, ...vectors.control.tolerated])(
    'fits the control message $name',
    ({ bytes }) => {
      expect(matches('control', bytes)).toBe(true);
    },
  );

  const controlInText = [
    ...[
      'an empty device',
      'an empty channel',
      'a device of 65 characters',
      'half a range',
      'a range that ends before it begins',
    ],
    ...['ranges not in order', 'ranges that overlap'],
  ];

  it.each(vectors.control.refused)('takes $about in a control message for what the text does', ({ about, bytes }) => {
    expect(matches('control', bytes)).toBe(controlInText.includes(about));
  });

  it.each(vectors.links)('fits the device link $name', ({ bytes, offer, offerSigStructure, reveal, welcome }) => {
    expect(matches('link', bytes)).toBe(true);
    for (const statement of [offer, reveal, welcome]) {
      expect(matches('link-statement', statement)).toBe(true);
      const control = encodeCbor(toMap({ kind: 'link', statement: bytesOf(statement) }));
      expect(matches('control', toHex(control))).toBe(true);
    }
    expect(matches('sig-structure', offerSigStructure)).toBe(true);
  });

  it('fits a notice of a record', () => {
    const record = bytesOf(vectors.records[0]?.record ?? '');
    expect(matches('control', toHex(encodeCbor(toMap({ kind: 'record', record }))))).toBe(true);
  });

  const contents: Record<string, string> = { time: 'time-reading' };

  it.each(vectors.statements)('fits the statement $name', ({ purpose, payload, sign1, detached, sigStructure }) => {
    expect(matches(contents[purpose] ?? purpose, payload)).toBe(true);
    expect(matches(detached ? 'detached' : `${purpose}-statement`, sign1)).toBe(true);
    expect(matches('sig-structure', sigStructure)).toBe(true);
  });

  // What is wrong with these is said by the text: CDDL cannot, or the rule for foreign recipients takes them in.
  const onlyInText = [
    ...['header-1025', 'recipient-without-alg'],
    ...['repeated-kid', 'critical', 'critical-known', 'critical-unprotected', 'recipient-critical', 'label-in-both'],
    ...['salt', 'party-u-identity', 'party-v-other', 'more-in-recipient-header', 'unprotected-ecdh', 'rsa-protected'],
    ...['rsa-short', 'wrapped-key-size', 'no-ephemeral-key', 'short-ephemeral-key', 'ephemeral-private-key'],
    ...['ephemeral-kty-true', 'ephemeral-crv-true'],
    ...['ephemeral-with-alg', 'ephemeral-ed25519', 'ephemeral-rsa', 'ephemeral-x448', 'compressed-point'],
  ];
  const outermost = vectors.refused.slice(
    0,
    vectors.refused.findIndex(({ expect: { kind } }) => kind !== 'malformed'),
  );

  it.each(outermost)('takes $name for what the text takes it for', ({ name, message }) => {
    expect(decodesAnd(() => matches('sealed-message', message))).toBe(onlyInText.includes(name));
  });

  it('says of an address what the code says', () => {
    const reserved = ['room', 'group', 'relay'];
    const check = rules.get('address') as (value: CborValue) => boolean;
    for (const address of vectors.addresses.accepted) expect(check(address)).toBe(true);
    for (const address of vectors.addresses.refused) expect(check(address) && !reserved.includes(address)).toBe(false);
  });
});

/** What does not even decode does not match. */
function decodesAnd(check: () => boolean): boolean {
  try {
    return check();
  } catch (error) {
    if (isSealMQError(error, 'DECODE_CBOR')) return false;
    throw error;
  }
}

describe('the tables of the document', () => {
  const registered = rows('9.1').slice(1);
  const numbered = (where: string) =>
    Object.fromEntries(registered.filter(([kind]) => kind === where).map(([, number, name]) => [name, Number(number)]));

  it('name the registered numbers of the code', () => {
    expect(numbered('algorithm')).toEqual(Algorithm);
    expect(numbered('curve')).toEqual(Curve);
    expect(numbered('key type')).toEqual(KeyType);
    expect(numbered('claim')).toEqual(Claim);
    const tags = numbered('CBOR tag');
    expect([tags.COSE_Sign1, tags.COSE_Encrypt]).toEqual([MessageTag.Sign1, MessageTag.Encrypt]);
    const headers = registered.filter(([kind]) => kind === 'header').map(([, number]) => Number(number));
    const known = Object.values(Header).filter((label) => label > -65536);
    expect(headers.filter((label) => !Number.isNaN(label)).toSorted()).toEqual(known.toSorted());
  });

  it('name the private labels of the code', () => {
    const names = Object.fromEntries(
      rows('9.2')
        .slice(1)
        .map(([, number, name]) => [name, Number(number)]),
    );
    expect(names).toEqual(Object.fromEntries(Object.entries(Header).filter(([, label]) => label < -65536)));
  });

  it('name the suites', () => {
    const named = rows('4.3')
      .slice(1)
      .map(([name]) => name?.split('`')[1]);
    expect(named).toEqual(suites.map(({ name }) => name));
  });

  it('name the purposes that the code knows, no more and no fewer', () => {
    const union = /export type Purpose =([^;]*);/.exec(read('../../src/protocol/signed.ts'))?.[1] ?? '';
    const inCode = [...union.matchAll(/'([a-z-]+)'/g)].map(([, name]) => name);
    const inTable = rows('6. Signatures')
      .slice(1)
      .flatMap(([names]) => [...(names ?? '').matchAll(/`([a-z-]+)`/g)].map(([, name]) => name));
    expect(inTable.toSorted()).toEqual(inCode.toSorted());
  });

  it.each([
    [MAX_SEALED_BYTES, '1,572,864 bytes'],
    [MAX_PAYLOAD_BYTES, '1,048,576 bytes'],
    [MAX_RECORD_BYTES, '65,536 bytes'],
    [RETIRED_GRACE, '3,888,000'],
    [STATEMENT_TOLERANCE, '+ 300.'],
    [ISSUE_TOLERANCE, 'within 300 seconds'],
    [MAX_RECIPIENTS, '256 recipients'],
    [DEFAULT_PADDING, 'minimum M of 256'],
    [MAX_CONTROL_RANGES, 'at most 64 ranges'],
  ])('state the limit %i', (limit, statement) => {
    expect(page).toContain(statement);
    expect(statement.replaceAll(',', '')).toContain(String(limit));
  });

  it('state the content type of control messages', () => {
    expect(page).toContain(`content type is \`${CONTROL_TYPE}\``);
  });

  it('name every field of the vectors', () => {
    const section = page.split('## 10. Vectors')[1]?.split('### 10.1')[0] ?? '';
    const { keys, ...lists } = vectors;
    const fieldsOf = (value: unknown): string[] => {
      if (Array.isArray(value)) return value.flatMap(fieldsOf);
      if (typeof value !== 'object' || value === null) return [];
      return Object.entries(value).flatMap(([name, inner]) => [name, ...fieldsOf(inner)]);
    };
    const inControl = ['kind', 'device', 'stream', 'from', 'upTo', 'ranges', 'reason', 'newest', 'channel', 'version'];
    const fields = [...fieldsOf(lists), 'keys', ...fieldsOf(Object.values(keys))];
    const unnamed = fields.filter((name) => !inControl.includes(name) && !new RegExp(`\\b${name}\\b`).test(section));
    expect([...new Set(unnamed)]).toEqual([]);
  });

  it('state the topic prefix', () => {
    expect(page).toContain(`with the prefix \`${DEFAULT_TOPIC_PREFIX}\``);
  });
});
