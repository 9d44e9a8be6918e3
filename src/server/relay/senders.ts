import { LRUCache } from 'lru-cache';
import { equal } from '../../bytes/bytes.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { run } from '../../crypto/steps.js';
import { isSealMQError } from '../../errors.js';
import { findDevice } from '../../protocol/identity/account.js';
import { type DeviceEntry, deviceStanding } from '../../protocol/identity/device.js';
import { type KeyRecord, verifyRecord } from '../../protocol/identity/record.js';
import { registrationId } from '../../protocol/registration/hrid.js';
import type { AnonymousSender, OpenedStatement, RelaySender } from '../../protocol/relay/index.js';
import type { CheckInfoOk } from '../registered.js';
import type { DropReason } from './options.js';
import type { RecordLookup } from './records.js';

/** The device that a statement names, of a registered sender; that it signed is to be verified. */
export interface Sender {
  readonly address: string;
  readonly device: DeviceEntry;
}

/** Finds senders. */
export interface Senders {
  /** @throws `DIRECTORY_*` for passing faults: it cannot be said */
  find(
    statement: OpenedStatement<{ readonly sender: RelaySender }>,
  ): Promise<Sender | { readonly refused: DropReason }>;
}

/** Anonymous addresses whose newest record is remembered. */
const MAX_KNOWN = 10_000;

/** @param now - seconds */
export function createSenders(
  provider: CryptoProvider,
  records: RecordLookup,
  checkInfoOk: CheckInfoOk | undefined,
  now: () => number,
): Senders {
  const newest = new LRUCache<string, number>({ max: MAX_KNOWN });

  /** The record that an anonymous sender shows, when all that it shows is about one registered identity. */
  async function shown(sender: AnonymousSender): Promise<KeyRecord | undefined> {
    if (!checkInfoOk) return undefined;
    try {
      const record = await run(verifyRecord(provider, sender.record));
      const { address, identity } = await checkInfoOk(sender.infoOk);
      const id = await run(registrationId(provider, { ...sender, identity: record.identity }));
      return equal(identity, record.identity) && address === id && record.address === id ? record : undefined;
    } catch (error) {
      if (isSealMQError(error) && !isPassing(error.code)) return undefined;
      throw error;
    }
  }

  /** An older record may hold a device that was revoked since. */
  function isOutdated({ address, version, expiresAt }: KeyRecord): boolean {
    if (version < (newest.get(address) ?? 0)) return true;
    newest.set(address, version);
    return expiresAt <= now();
  }

  return {
    async find({ content: { sender }, kid }) {
      const anonymous = typeof sender !== 'string';
      const record = anonymous ? await shown(sender) : await records.find(sender);
      if (!record) return { refused: 'unknown-sender' };
      const device = await run(findDevice(provider, record, kid));
      if (!device || (anonymous && isOutdated(record))) return { refused: 'unknown-key' };
      const standing = deviceStanding(device, now());
      return standing === 'good' ? { address: record.address, device } : { refused: standing };
    },
  };
}

function isPassing(code: string): boolean {
  return code === 'DIRECTORY_UNREACHABLE' || code === 'DIRECTORY_RATE_LIMITED';
}
