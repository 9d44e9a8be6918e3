import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { nativeProvider } from '../../src/crypto/native.js';
import type { PrivateKey } from '../../src/crypto/provider.js';
import { run } from '../../src/crypto/steps.js';
import { isSealMQError } from '../../src/errors.js';
import type { Clock } from '../../src/ports/clock.js';
import type { Store } from '../../src/ports/store.js';
import {
  type Account,
  createAccount,
  enterDevice,
  generateDeviceKeys,
  type KeyRecord,
  nextRecord,
  type RecordContent,
  type RecordEdit,
  signRecord,
  vouchForIdentity,
} from '../../src/protocol/identity/index.js';

export const provider = nativeProvider();

/** When the stories begin, in seconds. */
export const START = 1_800_000_000;

/** A clock that moves when it is told to. */
export interface ManualClock extends Clock {
  /** Whole seconds. */
  seconds(): number;
  /** Moves on (or back) by so many seconds. */
  advance(seconds: number): void;
}

export function manualClock(start = START): ManualClock {
  let now = start * 1000;
  return {
    now: () => now,
    seconds: () => Math.floor(now / 1000),
    advance: (seconds) => {
      now += seconds * 1000;
    },
  };
}

export async function accountOf(address: string, now = START): Promise<Account> {
  return run(createAccount(provider, { address, now }));
}

/** The version after `record`; another time or edit makes another one. */
export async function nextOf(
  account: Account,
  record: KeyRecord,
  now = START,
  edit: RecordEdit = (devices) => devices,
): Promise<KeyRecord> {
  return run(nextRecord(provider, account.identityKey, record, edit, now));
}

/** Any record that `identityKey` signs. */
export async function signedRecord(identityKey: PrivateKey, content: RecordContent): Promise<KeyRecord> {
  return run(signRecord(provider, identityKey, content));
}

/** The next version of an account under a new identity key, which the old one vouches for or does not. */
export async function newIdentityOf(account: Account, vouched: boolean, now = START): Promise<Account> {
  const { address, record } = { address: account.record.address, record: account.record };
  const fresh = await accountOf(address, now);
  const device = await run(generateDeviceKeys(provider, 'X25519-Ed25519'));
  const context = { address, identity: fresh.record.identity };
  const entry = await run(enterDevice(provider, device, context, { notBefore: now }));
  const identityKey = fresh.identityKey.publicKey;
  const next = await signedRecord(fresh.identityKey, {
    address,
    version: record.version + 1,
    issuedAt: now,
    expiresAt: now + 3600,
    previous: record.hash,
    identityKey,
    capabilities: record.capabilities,
    devices: [entry],
    ...(vouched && {
      identityChange: await run(vouchForIdentity(provider, account.identityKey, address, identityKey)),
    }),
  });
  return { identityKey: fresh.identityKey, device, record: next };
}

/** A store whose close leaves it usable, so that it survives the restart of what uses it. */
export function lastingStore(): Store {
  return { ...memoryStore(), close: async () => {} };
}

/** The code of what `work` throws, or `resolved`. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'resolved';
  } catch (error) {
    return isSealMQError(error) ? error.code : String(error);
  }
}
