import { equal, toHex } from '../bytes/bytes.js';
import { present } from '../bytes/fields.js';
import type { CryptoProvider } from '../crypto/provider.js';
import { run } from '../crypto/steps.js';
import { isSealMQError, SealMQError } from '../errors.js';
import type { DirectoryAnswer } from '../ports/key-directory.js';
import { isRegistrationId } from '../protocol/address.js';
import { compareRecords } from '../protocol/identity/chain.js';
import { type DeviceEntry, isCurrent } from '../protocol/identity/device.js';
import { type KeyRecord, verifyRecordOf } from '../protocol/identity/record.js';
import { type Dispute, disputeError, type KnownRecord, type KnownRecords } from './key-cache-entries.js';
import type { CardConflict, Introduced, KeyCacheEvents, KeyCacheOptions } from './key-cache-types.js';

/** Longest and shortest life of a record, in milliseconds, whatever the directory says. */
const LONGEST_LIFE = 24 * 3600 * 1000;
const SHORTEST_LIFE = 1000;

/** Refusals that were told already, so that a directory that repeats itself does not flood the application. */
const MAX_TOLD = 1000;

/** What stands behind a record. */
export interface Source {
  /** Seconds for which it is fresh. */
  readonly maxAge: number;
  /** Only its owner's hand, so far. */
  readonly byHand?: boolean;
}

/** Decides what an answer of the directory does to what is known. */
export interface Judge {
  /**
   * Takes in `answer`; what it accepts is durable when the promise resolves.
   *
   * @param known - the record that stood when the question was asked
   * @returns the record that stands now, or `undefined` when nobody has claimed the address
   * @throws `DIRECTORY_BAD_ANSWER`, `DIRECTORY_SUITE_UNAVAILABLE`, `DIRECTORY_ROLLBACK`, `DIRECTORY_CONFLICT`,
   *   `DIRECTORY_IDENTITY_HELD`, `DIRECTORY_IDENTITY_REFUSED`: the known record stands
   */
  takeIn(address: string, known: KnownRecord | undefined, answer: DirectoryAnswer): Promise<KeyRecord | undefined>;

  /**
   * Takes in a record from its owner. `maxAge` in seconds.
   *
   * @returns the record that stands now, or `undefined` for the directory to say: another identity
   */
  learn(known: KnownRecord, bytes: Uint8Array, maxAge: number): Promise<KeyRecord | undefined>;

  /**
   * Takes in what somebody has handed over, and what the directory says of them, `undefined` when it could not be asked.
   *
   * @param replace - a record that was handed over takes the place of any other identity
   * @returns the record that stands now, of that identity; `undefined` when there is none on either side
   * @throws `STATE_CARD_CONFLICT`, `DIRECTORY_CARD_CONFLICT`, both with an event; as {@link takeIn}
   */
  meet(
    card: Introduced,
    known: KnownRecord | undefined,
    answer: DirectoryAnswer | undefined,
    replace: boolean,
  ): Promise<KeyRecord | undefined>;

  /** Remembers a record without a question or an event. */
  remember(record: KeyRecord, source: Source): Promise<KeyRecord>;

  /** Settles what becomes of the record that is offered beside `known`; durable when it resolves. */
  decide(known: KnownRecord, offered: KeyRecord, decision: 'accept' | 'refuse'): Promise<void>;
}

/** A judge over `records`. */
export function createJudge(records: KnownRecords, now: () => number, options: KeyCacheOptions): Judge {
  const { provider, onIdentityChange = () => 'accept' } = options;
  const tell = tellOnce(options.onEvent);

  async function accept(record: KeyRecord, { maxAge, byHand = false }: Source): Promise<KeyRecord> {
    const checkedAt = now();
    const life = Math.min(Math.max(Math.floor(maxAge * 1000), SHORTEST_LIFE), LONGEST_LIFE);
    await records.save({ record, checkedAt, freshUntil: checkedAt + life, ...(byHand && { byHand }) });
    return record;
  }

  async function dispute(known: KnownRecord, code: Dispute, offered?: KeyRecord): Promise<SealMQError> {
    const { offered: _, ...standing } = known;
    await records.save(present({ ...standing, dispute: code, offered }));
    return disputeError(code, known.record.address);
  }

  function refuseRollback(known: KeyRecord, offered: Uint8Array | undefined, what: string): never {
    const { address, hash } = known;
    tell('rollbackRefused', `${toHex(hash)} ${what}`, { address, known, offered });
    throw new SealMQError('DIRECTORY_ROLLBACK', `the directory offered an older state of ${address}: ${what}`);
  }

  async function refuseConflict(known: KnownRecord, next: KeyRecord): Promise<never> {
    const event = { address: next.address, known: known.record.bytes, other: next.bytes };
    await records.saveEvidence(event);
    tell('conflict', toHex(next.hash), event);
    throw await dispute(known, 'DIRECTORY_CONFLICT');
  }

  async function changeIdentity(known: KnownRecord, next: KeyRecord, vouched: boolean, source: Source) {
    const { dispute: disputed, offered } = known;
    if (disputed === 'DIRECTORY_IDENTITY_REFUSED' && offered && equal(offered.identity, next.identity)) {
      throw await dispute(known, disputed, next);
    }
    const change = { address: next.address, previous: known.record, current: next, vouched, dropped: [] };
    const held = (await onIdentityChange(change)) === 'hold';
    // Who hears of it may decide at once, so it is kept before it is told.
    const refusal = held ? await dispute(known, 'DIRECTORY_IDENTITY_HELD', next) : undefined;
    if (!refusal) await accept(next, source);
    tell('keyChanged', `${toHex(next.hash)} ${held}`, { ...change, held });
    if (refusal) throw refusal;
    return next;
  }

  async function decide(known: KnownRecord, offered: KeyRecord, decision: 'accept' | 'refuse'): Promise<void> {
    const { record } = known;
    if (decision === 'refuse') {
      await dispute(known, 'DIRECTORY_IDENTITY_REFUSED', offered);
      return;
    }
    const change = await run(compareRecords(provider, record, offered));
    const vouched = change.kind === 'identity-changed' && change.vouched;
    await accept(offered, { maxAge: 0 });
    const event = { address: record.address, previous: record, current: offered, vouched, dropped: [], held: false };
    tell('keyChanged', `${toHex(offered.hash)} decided`, event);
  }

  async function moveOn(previous: KeyRecord, current: KeyRecord, dropped: readonly string[], source: Source) {
    await accept(current, source);
    const event = { address: current.address, previous, current, vouched: true, dropped, held: false };
    if (dropped.length > 0) tell('keyChanged', toHex(current.hash), event);
    const { added, removed } = changedDevices(previous, current);
    if (added.length + removed.length > 0) {
      tell('devicesChanged', toHex(current.hash), { address: current.address, current, added, removed });
    }
    return current;
  }

  async function compare(known: KnownRecord, next: KeyRecord, source: Source): Promise<KeyRecord> {
    const change = await run(compareRecords(provider, known.record, next));
    switch (change.kind) {
      case 'first':
      case 'unchanged':
        return accept(known.record, source);
      case 'newer':
        return moveOn(known.record, next, change.dropped, source);
      case 'identity-changed':
        return changeIdentity(known, next, change.vouched, source);
      case 'rollback':
        return refuseRollback(known.record, next.bytes, `version ${next.version}`);
      case 'conflict':
        return refuseConflict(known, next);
      case 'wrong-address':
        throw badAnswer(`a record of another address than ${known.record.address}`);
    }
  }

  /** Directories do not have everybody: an address is only missing where one has confirmed it. */
  async function takeInNone(known: KnownRecord, maxAge: number): Promise<KeyRecord> {
    const { record, dispute, byHand } = known;
    if (!byHand && !isRegistrationId(record.address)) return refuseRollback(record, undefined, 'no record at all');
    if (dispute) throw disputeError(dispute, record.address);
    return accept(record, { maxAge, byHand: true });
  }

  function refuseCard(card: Introduced, other: KeyRecord, source: CardConflict['source']): never {
    const { address, identity } = card;
    tell('cardConflict', `${toHex(identity)} ${source} ${toHex(other.hash)}`, present({ ...card, other, source }));
    throw source === 'directory'
      ? new SealMQError('DIRECTORY_CARD_CONFLICT', `the directory has another identity key of ${address} than the card`)
      : new SealMQError('STATE_CARD_CONFLICT', `another identity key than that on the card is known of ${address}`);
  }

  /** A record that its owner handed over, beside the one that stands. */
  async function takeCard(known: KnownRecord | undefined, card: KeyRecord, replace: boolean): Promise<KeyRecord> {
    if (!known) return accept(card, { maxAge: 0, byHand: true });
    const { record, byHand = false } = known;
    const change = await run(compareRecords(provider, record, card));
    const sameIdentity = equal(record.identity, card.identity);
    // A card that was made before the last change of devices is as good as a new one.
    if (change.kind === 'rollback' && sameIdentity) return record;
    if (sameIdentity || (change.kind === 'identity-changed' && change.vouched)) {
      return compare(known, card, { maxAge: 0, byHand });
    }
    if (!replace) return record;
    await accept(card, { maxAge: 0, byHand: true });
    const event = { address: card.address, previous: record, current: card, vouched: false, dropped: [], held: false };
    tell('keyChanged', `${toHex(card.hash)} by hand`, event);
    return card;
  }

  return {
    remember: accept,
    decide,
    async learn(known, bytes, maxAge) {
      const { record } = known;
      const next = await verifiedRecord(provider, record.address, bytes);
      const change = await run(compareRecords(provider, record, next));
      // An old notice that comes once more is no attack.
      if (change.kind === 'rollback' || change.kind === 'unchanged') return record;
      if (change.kind === 'identity-changed' && !change.vouched) return undefined;
      return compare(known, next, { maxAge, byHand: known.byHand === true });
    },
    async meet(card, known, answer, replace) {
      const { address, identity, record } = card;
      const listed = answer?.kind === 'record' ? await verifiedRecord(provider, address, answer.record) : undefined;
      const agrees = listed && equal(listed.identity, identity);
      if (listed && !agrees && !(replace && record)) refuseCard(card, listed, 'directory');
      if (answer && agrees) await (known ? compare(known, listed, answer) : accept(listed, { maxAge: answer.maxAge }));
      const standing = await records.load(address);
      const met = record ? await takeCard(standing, record, replace) : standing?.record;
      if (met && !equal(met.identity, identity)) refuseCard(card, met, 'known');
      return met;
    },
    async takeIn(address, known, answer) {
      // An address is never given up: a directory that has forgotten it was rolled back as well.
      if (answer.kind === 'none') return known && takeInNone(known, answer.maxAge);
      if (answer.kind === 'unchanged') {
        if (!known) throw badAnswer('"unchanged" without a known record');
        return accept(known.record, { maxAge: answer.maxAge });
      }
      const next = await verifiedRecord(provider, address, answer.record);
      return known ? compare(known, next, answer) : accept(next, { maxAge: answer.maxAge });
    },
  };
}

/** Which devices came and went; one that rotated its keys did neither. */
function changedDevices(previous: KeyRecord, current: KeyRecord) {
  const [before, after] = [previous.devices.filter(isCurrent), current.devices.filter(isCurrent)];
  const without = (devices: readonly DeviceEntry[], others: readonly DeviceEntry[]) =>
    devices.filter(({ id }) => !others.some((other) => other.id === id));
  return { added: without(after, before), removed: without(before, after) };
}

/** Hands each refusal and change to the application once. */
function tellOnce(onEvent: KeyCacheOptions['onEvent']) {
  const told = new Set<string>();
  return <Name extends keyof KeyCacheEvents>(name: Name, about: string, event: KeyCacheEvents[Name]): void => {
    const mark = `${name} ${about}`;
    if (told.has(mark)) return;
    if (told.size >= MAX_TOLD) told.clear();
    told.add(mark);
    onEvent?.(name, event);
  };
}

async function verifiedRecord(provider: CryptoProvider, address: string, bytes: Uint8Array): Promise<KeyRecord> {
  let record: KeyRecord;
  try {
    record = await run(verifyRecordOf(provider, address, bytes));
  } catch (cause) {
    if (!isSealMQError(cause)) throw cause;
    if (cause.code === 'USAGE_SUITE_UNAVAILABLE') {
      const message = `the record of ${address} has keys of a suite that this backend lacks`;
      throw new SealMQError('DIRECTORY_SUITE_UNAVAILABLE', message, cause);
    }
    throw badAnswer(`a record of ${address} that does not verify`, cause);
  }
  if (record.address !== address) throw badAnswer(`a record of another address than ${address}`);
  return record;
}

function badAnswer(what: string, cause?: unknown): SealMQError {
  return new SealMQError('DIRECTORY_BAD_ANSWER', `the directory answered ${what}`, cause);
}
