import { describe, expect, test } from 'vitest';
import { nativeProvider, run, type SuiteName, suites } from '../../src/crypto/index.js';
import { type Draft, seal } from '../../src/protocol/envelope/index.js';
import {
  type Account,
  activeSealKeys,
  addDevice,
  createAccount,
  type DeviceKeys,
  enterDevice,
  generateDeviceKeys,
  type KeyRecord,
  nextRecord,
} from '../../src/protocol/identity/index.js';
import { peer } from '../peers/require.js';
import { type Answer, askPython, type Job, opening, pythonAvailable, type Sender } from './python.js';
import { hex, keyOf, named, type RelayVectors, type Vectors, vectorsOf } from './vectors.js';

const vectors = vectorsOf<Vectors>('envelope.json');
const relayVectors = vectorsOf<RelayVectors>('relay.json');
const NOW = vectors.now;
const provider = nativeProvider();

/** A case: what to ask for, and what has to stand in the answer. */
type Case = readonly [name: string, job: Job, expected: object];

/** Asks for all cases at once, and compares them by name. */
function check(cases: readonly Case[]): void {
  expect(cases.length).toBeGreaterThan(0);
  const answers = askPython(cases.map(([, job]) => job));
  const byName = (list: readonly unknown[]) => list.map((each, index) => [cases[index]?.[0], each]);
  expect(byName(answers)).toMatchObject(byName(cases.map(([, , expected]) => expected)));
}

/** Without what is undefined: toMatchObject would demand it to be. */
function defined(fields: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

const coseKeys = (names: readonly string[]) => names.map((name) => keyOf(vectors, name).privateKey);
const publicKey = (name: string) => keyOf(vectors, name).publicKey;
const recordNamed = (name: string) => named(vectors.records, name).record;

describe.skipIf(!peer('python3-cbor2', pythonAvailable()))(
  'a reader in Python, written from docs/wire-format.md',
  () => {
    describe('says to the vectors what they expect', () => {
      test('sealed messages: outcome, payload, claims, and every intermediate value', () => {
        const cases = vectors.sealed.flatMap((sealed) =>
          sealed.opensFor.map(({ address, key }): Case => {
            const { message, family, contentEncryptionKey, iv, recipientsArray, recipientsHash, plaintext } = sealed;
            const { sharedSecret, kdfContext, keyEncryptionKey } =
              sealed.recipients.find((recipient) => recipient.key === key) ?? {};
            const trace = defined({
              ...{
                sharedSecret,
                kdfContext,
                keyEncryptionKey,
                contentEncryptionKey,
                iv,
                recipientsArray,
                recipientsHash,
              },
              ...{ plaintext, externalAad: sealed.externalAad, encStructure: sealed.encStructure },
              sigStructure: sealed.signed.sigStructure,
            });
            const sender = { key: publicKey(sealed.signKey) };
            const job = opening({ message, family, address, keys: coseKeys([key]), now: NOW, sender });
            const opened = { kind: 'opened', payload: sealed.payload, claims: sealed.claims, trace };
            const expected = sealed.outcome === 'opened' ? opened : { kind: sealed.outcome, trace };
            return [`${sealed.name} with ${key}`, job, expected];
          }),
        );
        check(cases);
      });

      test.each(['tolerated', 'refused'] as const)('%s messages', (list) => {
        const cases = vectors[list].map((judged): Case => {
          const { name, message, family, address, now } = judged;
          const sender = 'key' in judged.sender ? { key: publicKey(judged.sender.key) } : judged.sender;
          const job = opening({ message, family, address, keys: coseKeys(judged.keys), now, sender });
          const { kind, reason } = judged.expect;
          return [name, job, defined({ kind, reason })];
        });
        check(cases);
      });

      test('key records, right and wrong', () => {
        const right = vectors.records.map(({ name, record, address, version, hash, payload }): Case => {
          return [name, { op: 'record', record, now: NOW }, { kind: 'verified', address, version, hash, payload }];
        });
        const wrong = vectors.refusedRecords.map(({ name, record, kind }): Case => {
          return [name, { op: 'record', record, now: NOW }, { kind }];
        });
        check([...right, ...wrong]);
      });

      test('how one record follows another', () => {
        const cases = vectors.successions.map(({ known, next, expect: kind, dropped, vouched }): Case => {
          const job = { op: 'succession', known: recordNamed(known), next: recordNamed(next) };
          return [`${known}, then ${next}`, job, defined({ kind, dropped, vouched })];
        });
        const first = { op: 'succession', known: null, next: recordNamed('alice-1') };
        check([...cases, ['no record, then alice-1', first, { kind: 'first' }]]);
      });

      test('statements, device proofs, an identity change: by that key, for that purpose only', () => {
        const cases = vectors.statements.flatMap(
          ({ name, purpose, key, sign1, payload, sigStructure, detached }): Case[] => {
            const job = { op: 'statement', sign1, purpose, key: publicKey(key), payload: detached ? payload : null };
            const elsewhere: Case = [`${name} as a card`, { ...job, purpose: 'card' }, { kind: 'unverifiable' }];
            return [
              [name, job, { kind: 'verified', payload, sigStructure }],
              [`${name} by another key`, { ...job, key: publicKey('mallory.sign') }, { kind: 'unverifiable' }],
              ...(detached ? [elsewhere] : []),
            ];
          },
        );
        check(cases);
      });

      test('control messages', () => {
        const { accepted, tolerated, refused } = vectors.control;
        check([
          ...[...accepted, ...tolerated].map(({ name, control, bytes }): Case => {
            return [name, { op: 'control', bytes }, { kind: 'verified', control }];
          }),
          ...refused.map(({ about, bytes }): Case => [about, { op: 'control', bytes }, { kind: 'malformed' }]),
        ]);
      });

      test('batches', () => {
        const { accepted, refused } = vectors.batches;
        check([
          ...accepted.map(({ name, messages, bytes }): Case => {
            return [name, { op: 'batch', bytes }, { kind: 'verified', messages }];
          }),
          ...refused.map(({ about, bytes }): Case => [about, { op: 'batch', bytes }, { kind: 'malformed' }]),
        ]);
      });

      test('tags of states', () => {
        check(
          vectors.stateTags.map(({ tag, ...job }): Case => {
            return [`${job.device} ${job.channel}`, { op: 'state-tag', ...job }, { kind: 'verified', tag }];
          }),
        );
      });

      test('what is said to a relay: by that key, to that relay, under that word only', () => {
        const { speaker, relay, handIn, updates, message } = relayVectors;
        const job = {
          ...{ op: 'relay', key: keyOf(vectors, relay.sealKey).privateKey, speaker: publicKey(speaker.signKey) },
          identity: keyOf(vectors, relay.identity).thumbprint,
        };
        const said = [
          { name: 'hand-in', word: 'hand-in', ...handIn, message },
          ...updates.map((update) => ({ word: 'update', ...update })),
        ];
        check(
          said.flatMap(({ name, word, sealed, ...verified }): Case[] => {
            const right = { ...job, word, sealed };
            const otherWord = word === 'update' ? 'hand-in' : 'update';
            return [
              [name, right, { kind: 'verified', ...verified }],
              [`${name} by another`, { ...right, speaker: publicKey('mallory.sign') }, { kind: 'unverifiable' }],
              [`${name} to another relay`, { ...right, identity: '00'.repeat(32) }, { kind: 'not-for-me' }],
              [`${name} as ${otherWord}`, { ...right, word: otherWord }, { kind: 'unverifiable' }],
            ];
          }),
        );
      });

      test('what a push brings', () => {
        const notes = relayVectors.wakeNotes.map(({ name, note, dial }): Case => {
          return [name, { op: 'wake-note', note }, { kind: 'verified', note: defined({ type: 'call', dial }) }];
        });
        const wrong = ['', 'oWR0eXBlZHBvc3Q', `${relayVectors.wakeNotes[0]?.note}AA`];
        check([...notes, ...wrong.map((note): Case => [note, { op: 'wake-note', note }, { kind: 'malformed' }])]);
      });

      test('keys and their thumbprints', () => {
        const rsaKeys = Object.keys(vectorsOf<Record<string, string>>('envelope-rsa-keys.json'));
        const sealing = Object.keys(vectors.keys).filter((name) => name.includes('.seal') || rsaKeys.includes(name));
        check([
          ...Object.entries(vectors.keys).map(([name, { publicKey: key, thumbprint }]): Case => {
            return [name, { op: 'public-key', key }, { kind: 'verified', thumbprint }];
          }),
          ...sealing.map((name): Case => {
            const { privateKey: key, thumbprint } = keyOf(vectors, name);
            return [`private ${name}`, { op: 'private-key', key }, { kind: 'verified', thumbprint }];
          }),
        ]);
      });

      test('encodings, padded lengths, addresses', () => {
        check([
          ...vectors.cbor.accepted.map(({ about, bytes }): Case => {
            return [about, { op: 'cbor', bytes }, { kind: 'verified', again: bytes }];
          }),
          ...vectors.cbor.refused.map(
            ({ about, bytes }): Case => [about, { op: 'cbor', bytes }, { kind: 'malformed' }],
          ),
          ...vectors.padding.map(({ length, minimum, padded }): Case => {
            return [`${length} to at least ${minimum}`, { op: 'padding', length, minimum }, { padded }];
          }),
          ...vectors.addresses.accepted.map(
            (address): Case => [address, { op: 'address', address }, { kind: 'verified' }],
          ),
          ...vectors.addresses.refused.map(
            (address): Case => [address, { op: 'address', address }, { kind: 'malformed' }],
          ),
        ]);
      });
    });

    describe('judges a sender by the key record', () => {
      const { message } = named(vectors.sealed, 'default-suite');
      const ask = (
        records: readonly string[],
        now: number,
        bytes: string | Uint8Array = message,
      ): Answer | undefined => {
        const sender = { records: records.map(recordNamed) };
        return askPython([
          opening({ message: bytes, address: 'bob', keys: coseKeys(['bob.phone.seal']), now, sender }),
        ])[0];
      };

      test.each<[string, string[], number, object]>([
        ['an active device', ['alice-1'], NOW, { kind: 'opened' }],
        ['a key that was rotated just now', ['alice-2'], NOW, { kind: 'opened' }],
        ['45 days after it', ['alice-2'], NOW + 3_888_000, { kind: 'opened' }],
        ['a second later', ['alice-2'], NOW + 3_888_001, { kind: 'sender-refused', reason: 'retired' }],
        ['nobody of that address', ['carol'], NOW, { kind: 'sender-refused', reason: 'unknown-sender' }],
      ])('%s', (_, records, now, expected) => {
        expect(ask(records, now)).toMatchObject(expected);
      });

      test('a revoked device, and one that is not in the record', async () => {
        const by = async (name: string) => {
          const { algorithm, privateKey } = keyOf(vectors, name);
          expect(algorithm).toBe('Ed25519');
          const signKey = await provider.importPrivateKey('Ed25519', Buffer.from(privateKey, 'hex'));
          const bob = await run(createAccount(provider, { address: 'bob', now: NOW }));
          const sealed = await seal(provider, draft(), { signKey, recipients: [bob.device.sealKey.publicKey] });
          const keys = [await provider.exportPrivateKey(bob.device.sealKey)];
          const sender = { records: [recordNamed('alice-2')] };
          return askPython([opening({ message: sealed, address: 'bob', keys, now: NOW, sender })])[0];
        };
        expect(await by('alice.tablet.sign')).toMatchObject({ kind: 'sender-refused', reason: 'revoked' });
        expect(await by('mallory.sign')).toMatchObject({ kind: 'sender-refused', reason: 'unknown-key' });
      });
    });

    describe('opens what the library seals', () => {
      const accounts = new Map<string, Promise<Account>>();

      /** A fresh account per address and suite; RSA keys take their time. */
      function account(address: string, suite: SuiteName): Promise<Account> {
        const name = `${address} ${suite}`;
        const made = accounts.get(name) ?? Promise.resolve(run(createAccount(provider, { address, now: NOW, suite })));
        accounts.set(name, made);
        return made;
      }

      /** Seals a fresh draft to a record, and lets Python open it with each of some devices' keys. */
      async function exchange(sender: Account, receiver: KeyRecord, devices: readonly DeviceKeys[]): Promise<Answer[]> {
        const { signKey } = sender.device;
        const recipients = activeSealKeys(receiver, NOW);
        const message = await seal(provider, draft(), { signKey, recipients });
        const senderKeys: Sender = { records: [hex(sender.record.bytes), hex(receiver.bytes)] };
        const jobs = devices.map(async ({ sealKey }) => {
          const keys = [await provider.exportPrivateKey(sealKey)];
          return opening({ message, address: 'bob', keys, now: NOW, sender: senderKeys });
        });
        return askPython(await Promise.all(jobs));
      }

      const names = suites.map(({ name }) => name);
      const opened = { kind: 'opened', payload: hex(draft().payload), claims: claimsOf(draft()) };

      test.each(names.flatMap((from) => names.map((to) => [from, to] as const)))('from %s to %s', async (from, to) => {
        const [alice, bob] = [await account('alice', from), await account('bob', to)];
        expect(await exchange(alice, bob.record, [bob.device])).toMatchObject([opened]);
      });

      test.each(names)('from %s to a device of each suite', async (from) => {
        const [alice, bob] = [await account('alice', from), await account('bob', names[0] as SuiteName)];
        const devices = [bob.device];
        let { record } = bob;
        for (const suite of names.slice(1)) {
          const keys = await run(generateDeviceKeys(provider, suite));
          const { address, identity } = record;
          const entry = await run(enterDevice(provider, keys, { address, identity }, { notBefore: NOW }));
          record = await run(nextRecord(provider, bob.identityKey, record, addDevice(entry), NOW));
          devices.push(keys);
        }
        expect(await exchange(alice, record, devices)).toMatchObject(devices.map(() => opened));
      });

      test('for several receivers', async () => {
        const [alice, bob, carol] = await Promise.all([
          account('alice', 'X25519-Ed25519'),
          account('bob', 'P256-ESP256'),
          account('carol', 'X25519-Ed25519'),
        ]);
        const several: Draft = { ...draft(), audience: ['bob', 'carol'], seq: [4, 5] };
        const recipients = [bob, carol].flatMap(({ record }) => activeSealKeys(record, NOW));
        const message = await seal(provider, several, { signKey: alice.device.signKey, recipients });
        const jobs = [bob, carol].map(async ({ record: { address }, device }) => {
          const sender = { records: [hex(alice.record.bytes)] };
          return opening({
            message,
            address,
            keys: [await provider.exportPrivateKey(device.sealKey)],
            now: NOW,
            sender,
          });
        });
        const expected = { ...opened, claims: claimsOf(several) };
        expect(askPython(await Promise.all(jobs))).toMatchObject([expected, expected]);
      });
    });
  },
);

/** What the fresh messages say: every claim, and a payload that is not text. */
function draft(): Draft {
  return {
    ...{ from: 'alice', audience: 'bob', issuedAt: NOW, expiresAt: NOW + 60, contentType: 'image/webp' },
    ...{ seq: 3, stream: 1_799_000_000_000, channel: 'grüße/🦔', inReplyTo: new Uint8Array(16).fill(7) },
    payload: Uint8Array.from({ length: 1000 }, (_, index) => index % 251),
  };
}

/** The claims of a draft as the reader writes them. */
function claimsOf({ payload: _, ...claims }: Draft): object {
  return Object.fromEntries(
    Object.entries(claims).map(([name, value]) => [name, value instanceof Uint8Array ? hex(value) : value]),
  );
}
