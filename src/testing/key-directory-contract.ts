import { equal } from '../bytes/bytes.js';
import type { CryptoProvider } from '../crypto/provider.js';
import { run } from '../crypto/steps.js';
import { isSealMQError } from '../errors.js';
import type { KeyDirectory } from '../ports/key-directory.js';
import { type Account, createAccount, nextRecord } from '../protocol/identity/account.js';
import type { KeyRecord } from '../protocol/identity/record.js';
import type { TestFunctions } from './store-contract.js';

/** The key directory under test. */
export interface KeyDirectorySubject {
  /** Opens an empty directory; the suite closes it. */
  open(): Promise<KeyDirectory>;
  readonly provider: CryptoProvider;
}

/** What a test has at hand. */
interface Bench {
  readonly directory: KeyDirectory;
  readonly provider: CryptoProvider;
  readonly deepEqual: TestFunctions['deepEqual'];
}

type OnDirectory = (what: string, test: (bench: Bench) => Promise<void>) => void;

/** What every {@link KeyDirectory} must do. */
export function keyDirectoryContract(
  name: string,
  { open, provider }: KeyDirectorySubject,
  { describe, it, deepEqual }: TestFunctions,
): void {
  function onDirectory(what: string, test: (bench: Bench) => Promise<void>): void {
    it(what, async () => {
      const directory = await open();
      try {
        await test({ directory, provider, deepEqual });
      } finally {
        await directory.close();
      }
    });
  }

  describe(name, () => {
    lookups(onDirectory);
    claims(onDirectory);
  });
}

function lookups(onDirectory: OnDirectory): void {
  onDirectory('states that nobody has claimed an address', async ({ directory, deepEqual }) => {
    const answer = await directory.lookup('nobody');
    deepEqual(answer.kind, 'none');
    deepEqual(answer.maxAge >= 0, true);
  });

  onDirectory('answers the record as it was published, for some time to come', async (bench) => {
    const { record } = await published(bench, 'alice');
    const answer = await bench.directory.lookup('alice');
    bench.deepEqual(answer.kind === 'record' && equal(answer.record, record.bytes), true);
    bench.deepEqual(answer.maxAge > 0, true);
  });

  onDirectory('says "unchanged" to who knows the present record, and to nobody else', async (bench) => {
    const { directory, deepEqual } = bench;
    const { record } = await published(bench, 'alice');
    deepEqual((await directory.lookup('alice', record.hash)).kind, 'unchanged');
    deepEqual((await directory.lookup('alice', new Uint8Array(32))).kind, 'record');
    deepEqual((await directory.lookup('bob', record.hash)).kind, 'none');
  });

  onDirectory('refuses what is not an address before it asks anybody', async ({ directory, deepEqual }) => {
    for (const address of ['', '../bob', 'Bob', 'a/b', 'a?b', 'room', 'a'.repeat(65)]) {
      deepEqual(await codeOf(directory.lookup(address)), 'USAGE_INVALID_ADDRESS');
      deepEqual(await codeOf(directory.publish(address, new Uint8Array(1))), 'USAGE_INVALID_ADDRESS');
    }
  });

  onDirectory('tells the time, or says that it has none', async ({ directory, deepEqual }) => {
    const time = await directory.time();
    deepEqual(time === undefined || Number.isSafeInteger(time), true);
  });
}

function claims(onDirectory: OnDirectory): void {
  onDirectory('accepts a repetition, and the next version', async (bench) => {
    const { directory, deepEqual } = bench;
    const account = await published(bench, 'alice');
    await directory.publish('alice', account.record.bytes);
    const second = await successor(bench, account, account.record);
    await directory.publish('alice', second.bytes);
    const answer = await directory.lookup('alice', account.record.hash);
    deepEqual(answer.kind === 'record' && equal(answer.record, second.bytes), true);
  });

  onDirectory('keeps an address for the identity that claimed it first', async (bench) => {
    const { record } = await published(bench, 'alice');
    const thief = await newAccount(bench, 'alice');
    bench.deepEqual(await codeOf(bench.directory.publish('alice', thief.record.bytes)), 'DIRECTORY_CONFLICT');
    bench.deepEqual((await bench.directory.lookup('alice', record.hash)).kind, 'unchanged');
  });

  onDirectory('refuses a version that was overtaken, skipped, or does not name the one before', async (bench) => {
    const { directory, deepEqual } = bench;
    const account = await published(bench, 'alice');
    const second = await successor(bench, account, account.record);
    const other = await successor(bench, account, account.record, 1);
    await directory.publish('alice', second.bytes);
    const afterOther = await successor(bench, account, other);
    const fourth = await successor(bench, account, await successor(bench, account, second));
    for (const refused of [account.record, other, afterOther, fourth]) {
      deepEqual(await codeOf(directory.publish('alice', refused.bytes)), 'DIRECTORY_CONFLICT');
    }
    deepEqual((await directory.lookup('alice', second.hash)).kind, 'unchanged');
  });

  onDirectory('refuses what is not a record of that address', async (bench) => {
    const { directory, deepEqual } = bench;
    const { record } = await newAccount(bench, 'alice');
    const forged = record.bytes.slice();
    forged[forged.length - 1] = (forged[forged.length - 1] as number) ^ 1;
    for (const bytes of [forged, new Uint8Array(0), new Uint8Array(1000)]) {
      deepEqual(await codeOf(directory.publish('alice', bytes)), 'DIRECTORY_REFUSED');
    }
    deepEqual(await codeOf(directory.publish('bob', record.bytes)), 'DIRECTORY_REFUSED');
    deepEqual((await directory.lookup('bob')).kind, 'none');
  });

  onDirectory('lets one of many first claims win', async (bench) => {
    const { directory, deepEqual } = bench;
    const accounts = await Promise.all(Array.from({ length: 8 }, () => newAccount(bench, 'alice')));
    const codes = await Promise.all(accounts.map(({ record }) => codeOf(directory.publish('alice', record.bytes))));
    const winner = accounts[codes.indexOf('accepted')] as Account;
    deepEqual(codes.filter((code) => code === 'DIRECTORY_CONFLICT').length, 7);
    deepEqual((await directory.lookup('alice', winner.record.hash)).kind, 'unchanged');
  });
}

async function newAccount({ provider }: Bench, address: string): Promise<Account> {
  return run(createAccount(provider, { address, now: seconds() }));
}

async function published(bench: Bench, address: string): Promise<Account> {
  const account = await newAccount(bench, address);
  await bench.directory.publish(address, account.record.bytes);
  return account;
}

/** The version after `record`; another `offset` (seconds) makes another one. */
async function successor({ provider }: Bench, account: Account, record: KeyRecord, offset = 0): Promise<KeyRecord> {
  return run(nextRecord(provider, account.identityKey, record, (devices) => devices, seconds() + offset));
}

function seconds(): number {
  return Math.floor(Date.now() / 1000);
}

/** The code of what `work` throws, or `accepted`. */
async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'accepted';
  } catch (error) {
    return isSealMQError(error) ? error.code : String(error);
  }
}
