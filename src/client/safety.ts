import { LRUCache } from 'lru-cache';
import { toHex } from '../bytes/bytes.js';
import { run } from '../crypto/steps.js';
import { SealMQError } from '../errors.js';
import { assertAddress } from '../protocol/address.js';
import {
  assertMembers,
  combineFingerprints,
  compareSafetyNumber,
  fingerprint,
  type SafetyMember,
  type SafetyNumber,
} from '../protocol/identity/index.js';
import type { Context } from './context.js';

/** Fingerprints that are kept, 64 bytes each. */
const MAX_KEPT = 1000;

/** A safety number with the keys that it is of, our own among them. */
export interface NumberOf {
  readonly members: readonly SafetyMember[];
  readonly number: SafetyNumber;
}

/** The safety number of us and `who`; with `offered`, over the keys that wait for a decision. */
export type Safety = (who: string | readonly string[], offered: boolean) => Promise<NumberOf>;

/** Safety numbers over the keys that `context` knows. */
export function createSafety({ provider, account, contacts, keys }: Context): Safety {
  const kept = new LRUCache<string, Uint8Array>({ max: MAX_KEPT });

  const identityOf = async (address: string, offered: boolean): Promise<Uint8Array> => {
    if (address === account.address) return account.record.identity;
    const identity =
      (offered && (await keys.offered(address))?.identity) ||
      contacts.get(address)?.identity ||
      (await keys.record(address))?.identity;
    if (identity) return identity;
    throw new SealMQError('DIRECTORY_NOT_FOUND', `nobody is registered as ${address}`);
  };

  const fingerprintOf = async (member: SafetyMember): Promise<Uint8Array> => {
    const key = `${member.address} ${toHex(member.identity)}`;
    const print = kept.get(key) ?? (await run(fingerprint(provider, member)));
    kept.set(key, print);
    return print;
  };

  return async (who, offered) => {
    const others = typeof who === 'string' ? [who] : who;
    const addresses = new Set([account.address, ...others.map(assertAddress)]);
    assertMembers([...addresses].map((address) => ({ address })));
    const members: SafetyMember[] = [];
    const prints: Uint8Array[] = [];
    for (const address of addresses) {
      const member = { address, identity: await identityOf(address, offered) };
      members.push(member);
      prints.push(await fingerprintOf(member));
    }
    return { members, number: await run(combineFingerprints(provider, members, prints)) };
  };
}

/** @throws `VERIFY_SAFETY_NUMBER`, `USAGE_INVALID_ARGUMENT` for that of other people, `DECODE_SAFETY_NUMBER` */
export function assertSame(number: SafetyNumber, scanned: string): void {
  const comparison = compareSafetyNumber(number, scanned);
  if (comparison === 'same') return;
  if (comparison === 'different') throw new SealMQError('VERIFY_SAFETY_NUMBER');
  throw new SealMQError('USAGE_INVALID_ARGUMENT', 'this is the safety number of other people');
}
