import { toHex } from '../../src/bytes/bytes.js';
import { type CborMap, encodeCbor } from '../../src/bytes/cbor.js';
import { toMap } from '../../src/bytes/fields.js';
import { publicKeyMap } from '../../src/cose/key.js';
import { decodeSign1, sigStructure } from '../../src/cose/sign1.js';
import { atOnce, run } from '../../src/crypto/steps.js';
import {
  freshness,
  keyList,
  negative,
  type StatementKind,
  signStatement,
  time,
} from '../../src/protocol/directory/index.js';
import { fixedBytes, fixedProvider } from './fixed-provider.js';
import { key, thumbprintOf } from './keys.js';
import type { RecordCase } from './records.js';
import { NOW } from './sealed.js';
import type { StatementVector } from './types.js';

const WEEK = 7 * 24 * 3600;

/** Signatures over something else than messages and records: the directory's, and the detached ones in records. */
export function statementVectors(records: readonly RecordCase[]): StatementVector[] {
  const named = (name: string) => {
    const found = records.find((one) => one.name === name)?.record;
    if (!found) throw new RangeError('no such record');
    return found;
  };
  const second = named('alice-2');
  const times = { servedAt: NOW, maxAge: 300 };
  const [old, fresh] = [key('directory.1').publicKey, key('directory.2').publicKey];
  return [
    statement('freshness', 'That alice-2 was the current record.', 'directory.1', freshness, {
      ...{ address: 'alice', record: second.hash, version: 2, ...times },
    }),
    statement('negative', 'That nobody had claimed an address.', 'directory.1', negative, {
      ...{ address: 'nobody', servedAt: NOW, maxAge: 30 },
    }),
    statement('time', 'What time it is, in milliseconds.', 'directory.1', time, {
      ...{ nonce: fixedBytes('time/nonce', 16), now: NOW * 1000 + 250 },
    }),
    statement('key-list', 'The one key of a directory.', 'directory.1', keyList, { keys: [old], issuedAt: NOW }),
    statement('key-list-roll-over', 'A roll-over: the present key names the next one.', 'directory.1', keyList, {
      ...{ keys: [old, fresh], issuedAt: NOW, expiresAt: NOW + WEEK },
    }),
    statement('key-list-after', 'After the roll-over.', 'directory.2', keyList, {
      ...{ keys: [fresh], issuedAt: NOW + WEEK },
    }),
    ...['alice-1', 'carol', 'dave'].map((name) => proof(named(name))),
    identityChange(named('alice-3-new-identity')),
  ];
}

function statement<T>(
  name: string,
  about: string,
  signer: string,
  kind: StatementKind<T>,
  content: T,
): StatementVector {
  const { provider, trace } = fixedProvider(`statement/${name}`);
  const sign1 = atOnce(run(signStatement(provider, key(signer), kind, content)));
  return {
    ...{ name, about, purpose: kind.purpose, key: signer, payload: toHex(encodeCbor(kind.encode(content))) },
    ...{ detached: false, sigStructure: toHex(trace.sigStructure ?? new Uint8Array(0)), sign1: toHex(sign1) },
  };
}

/** The proof of the first device of a record. */
function proof({ address, devices }: RecordCase['record']): StatementVector {
  const [device] = devices;
  if (!device) throw new RangeError('a record without devices');
  const content = toMap({
    address,
    identity: thumbprintOf(`${address}.identity`),
    id: device.id,
    signKey: publicKeyMap(device.signKey),
    sealKey: publicKeyMap(device.sealKey),
  });
  const about = `The proof of the first device of ${address}.`;
  return detached(`device-proof-${address}`, about, 'device-proof', `${address}.sign`, content, device.proof);
}

function identityChange({ address, identityChange: vouch }: RecordCase['record']): StatementVector {
  const content = toMap({ address, identityKey: publicKeyMap(key('alice.identity.2').publicKey) });
  const about = 'The old identity key of alice vouches for the new one.';
  return detached('identity-change', about, 'identity-change', 'alice.identity', content, vouch ?? new Uint8Array(0));
}

function detached(
  name: string,
  about: string,
  purpose: string,
  signer: string,
  content: CborMap,
  sign1: Uint8Array,
): StatementVector {
  const payload = encodeCbor(content);
  const aad = encodeCbor(['sealmq/1 sign', purpose]);
  return {
    ...{ name, about, purpose, key: signer, payload: toHex(payload), detached: true },
    sigStructure: toHex(sigStructure(decodeSign1(sign1).protectedBytes, aad, payload)),
    sign1: toHex(sign1),
  };
}
