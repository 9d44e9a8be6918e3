import { decodeCbor, encodeCbor } from '../bytes/cbor.js';
import { isArrayOf, isCounter, isText, readFields, toMap } from '../bytes/fields.js';
import type { StoreOperation } from '../ports/store.js';
import { covers, type Receipt } from '../protocol/envelope/control.js';
import type { Context } from './context.js';
import { type OutboxEntry, outboxCodec } from './entries.js';
import { storedEntries, storedValue } from './queue-values.js';
import { createSharedBodies } from './shared-bodies.js';
import { createSignal } from './signal.js';
import { sentKey } from './tracking.js';

/** How long an entry is kept for devices that stay away, after the first of the receiver's devices has it. */
const KEEP_AFTER_FIRST = 30 * 24 * 3600 * 1000;

const isDevices = isArrayOf(isText(64), 256);

/** What is known of a sealed message that the broker has and not all of the receiver's devices. */
export interface SentEntry {
  readonly to: string;
  readonly stream: number;
  readonly seq: number;
  /** Devices that it was sealed to and that have not receipted it, and those that have. */
  readonly outstanding: Set<string>;
  readonly receipted: Set<string>;
  /** Devices that it was sealed to and that were retired or revoked without a receipt: they are not waited for. */
  readonly removed: Set<string>;
  readonly expiresAt: number | undefined;
  readonly publishedAt: number;
  /** Where it is stored. */
  readonly key: string;
  /** Bytes of the stored entry. */
  readonly size: number;
  /** Set where the bytes are shared with entries to others. */
  readonly sharedId: Uint8Array | undefined;
  /** When the first device had it, in milliseconds. */
  firstReceipt: number | undefined;
  /** Whether it is stored which devices have it, and since when, and which were removed. */
  isProgressKept: boolean;
}

/** What a receipt changed. */
export interface Receipted {
  /** Numbers that this device now has for the first time. */
  readonly arrived: readonly SentEntry[];
  /** Entries that were sealed to the device and are older than all that it has. */
  readonly absent: readonly SentEntry[];
}

/** Sealed messages that are kept until their receipts are in, in the store and, without their bytes, in memory. */
export interface SentBox {
  readonly depth: number;
  readonly bytes: number;
  /** When the broker had the entry that waits longest, in milliseconds. */
  readonly oldest: number | undefined;
  /** The operation that keeps `entry`. */
  keep(entry: OutboxEntry): StoreOperation;
  /** Keeps `entry`, which lies in the store already: the outbox released it under `key`. */
  adopt(entry: OutboxEntry, key: string): void;
  /** Applies a receipt of `device` of `address`; durable when it resolves. */
  receipt(address: string, device: string, receipt: Receipt): Promise<Receipted>;
  /** A device takes nothing of a numbering: its receipts are not waited for. Answers the entries that nobody else will receipt. */
  refused(address: string, device: string, stream: number): Promise<readonly SentEntry[]>;
  /** Devices of `address` were retired or revoked. Answers the entries that nobody else will receipt; durable when it resolves. */
  removed(address: string, devices: ReadonlySet<string>): Promise<readonly SentEntry[]>;
  /** Forgets what has expired, and what was kept long enough for devices that stay away; answers it. */
  giveUp(): Promise<readonly SentEntry[]>;
  /** The entry under a number, if it is still kept. */
  find(address: string, stream: number, seq: number): SentEntry | undefined;
  /** Entries to `address`, in the order in which the broker had them. */
  all(address: string): readonly SentEntry[];
  /** Forgets an entry; durable when it resolves. */
  forget(entry: SentEntry): Promise<void>;
  /** Forgets all entries to `address`, which it answers; durable when it resolves. */
  forgetAll(address: string): Promise<readonly SentEntry[]>;
  /** The newest entry to `address` that a device lacks. */
  newest(address: string): SentEntry | undefined;
  /** Addresses that owe a receipt. */
  debtors(): Iterable<string>;
  /** Resolves when an entry is forgotten. */
  changed(): Promise<void>;
  /** The stored bytes of an entry, for publishing it again. */
  load(entry: SentEntry): Promise<OutboxEntry | undefined>;
}

/**
 * Opens the box with what an earlier process left in it: what lies under `sent/` of the store, and what the outbox has
 * released, up to the number `released`.
 */
export async function openSentBox(context: Pick<Context, 'store' | 'now' | 'commit'>, released = 0): Promise<SentBox> {
  const boxes = new Map<string, Map<string, SentEntry>>();
  const changed = createSignal();
  const bodies = createSharedBodies(context.store);
  let depth = 0;
  let bytes = 0;

  const add = (entry: OutboxEntry, publishedAt: number, key: string, size: number) => {
    const { to, stream, seq, expiresAt, devices } = entry;
    const sharedId = entry.shared && entry.id;
    if (sharedId) bodies.held(sharedId);
    const box = boxes.get(to) ?? new Map<string, SentEntry>();
    boxes.set(
      to,
      box.set(nameOf(entry), {
        to,
        stream,
        seq,
        outstanding: new Set(devices),
        receipted: new Set(),
        removed: new Set(),
        expiresAt,
        publishedAt,
        key,
        size,
        sharedId,
        firstReceipt: undefined,
        isProgressKept: false,
      }),
    );
    depth++;
    bytes += size;
  };
  const forget = (entry: SentEntry): StoreOperation[] => {
    const isFirst = boxes.get(entry.to)?.delete(nameOf(entry)) === true;
    if (isFirst) {
      depth--;
      bytes -= entry.size;
    }
    if (boxes.get(entry.to)?.size === 0) boxes.delete(entry.to);
    changed.notify();
    return [
      { type: 'del', key: entry.key },
      ...(entry.isProgressKept ? [{ type: 'del' as const, key: progressKey(entry) }] : []),
      ...(isFirst && entry.sharedId ? bodies.released(entry.sharedId) : []),
    ];
  };

  for await (const [key, value] of context.store.iterator({ gte: 'sent/', lt: 'sent0' })) {
    const entry = outboxCodec.decode(value);
    add(entry, entry.publishedAt ?? 0, key, value.length);
  }
  for await (const { key, value, at } of storedEntries(context.store, 'outbox', { last: released })) {
    add(outboxCodec.decode(value), at, key, value.length);
  }
  for await (const [key, value] of context.store.iterator({ gte: 'receipted/', lt: 'receipted0' })) {
    const { devices, at, removed } = readProgress(value);
    const entry = boxes.get(key.split('/')[2] as string)?.get(key.slice('receipted/'.length));
    if (!entry) continue;
    entry.firstReceipt = at;
    entry.isProgressKept = true;
    for (const device of devices) markReceipted(entry, device);
    for (const device of removed) markRemoved(entry, device);
  }

  return {
    get depth() {
      return depth;
    },
    get bytes() {
      return bytes;
    },
    get oldest() {
      let oldest: number | undefined;
      for (const box of boxes.values()) {
        // Every box is in the order in which the broker had its entries.
        for (const { publishedAt } of box.values()) {
          oldest = Math.min(oldest ?? publishedAt, publishedAt);
          break;
        }
      }
      return oldest;
    },
    keep(posted) {
      const entry = { ...posted, publishedAt: Math.floor(context.now()) };
      const value = outboxCodec.encode(entry);
      const key = nameOf(entry);
      add(entry, entry.publishedAt, key, value.length);
      return { type: 'put', key, value };
    },
    adopt: (entry, key) => add(entry, Math.floor(context.now()), key, entry.sealed.length),
    async receipt(address, device, receipt) {
      const now = Math.floor(context.now());
      const operations: StoreOperation[] = [];
      const arrived: SentEntry[] = [];
      const absent: SentEntry[] = [];
      for (const entry of [...(boxes.get(address)?.values() ?? [])]) {
        if (entry.stream !== receipt.stream) continue;
        if (covers(receipt, entry.seq)) {
          if (!markReceipted(entry, device)) continue;
          arrived.push(entry);
          entry.firstReceipt ??= now;
          if (entry.outstanding.size === 0) operations.push(...forget(entry));
          else operations.push(putProgress(entry));
        } else if (entry.outstanding.has(device) && entry.seq < receipt.from) absent.push(entry);
      }
      if (operations.length > 0) await context.commit(operations);
      return { arrived, absent };
    },
    async refused(address, device, stream) {
      const concerned = [...(boxes.get(address)?.values() ?? [])].filter((entry) => entry.stream === stream);
      for (const entry of concerned) entry.outstanding.delete(device);
      const over = concerned.filter(({ outstanding }) => outstanding.size === 0);
      if (over.length > 0) await context.commit(over.flatMap(forget));
      return over;
    },
    async removed(address, devices) {
      const operations: StoreOperation[] = [];
      const over: SentEntry[] = [];
      for (const entry of [...(boxes.get(address)?.values() ?? [])]) {
        const concerned = [...entry.outstanding].filter((device) => devices.has(device));
        if (concerned.length === 0) continue;
        for (const device of concerned) markRemoved(entry, device);
        if (entry.outstanding.size > 0) operations.push(putProgress(entry));
        else {
          over.push(entry);
          operations.push(...forget(entry));
        }
      }
      if (operations.length > 0) await context.commit(operations);
      return over;
    },
    async giveUp() {
      const now = context.now();
      const over = [...boxes.values()].flatMap((box) => [...box.values()].filter((entry) => isOver(entry, now)));
      if (over.length > 0) await context.commit(over.flatMap(forget));
      return over;
    },
    find: (address, stream, seq) => boxes.get(address)?.get(nameOf({ to: address, stream, seq })),
    all: (address) => [...(boxes.get(address)?.values() ?? [])],
    forget: (entry) => context.commit(forget(entry)),
    async forgetAll(address) {
      const entries = [...(boxes.get(address)?.values() ?? [])];
      await context.commit(entries.flatMap(forget));
      return entries;
    },
    newest: (address) => [...(boxes.get(address)?.values() ?? [])].at(-1),
    debtors: () => boxes.keys(),
    changed: () => changed.wait(),
    async load(entry) {
      const value = await context.store.get(entry.key);
      const isOwn = entry.key.startsWith('sent/');
      const stored = value && outboxCodec.decode(isOwn ? value : storedValue(value));
      if (!stored?.shared) return stored;
      const sealed = await bodies.load(stored.id);
      return sealed && { ...stored, sealed };
    },
  };
}

function isOver({ firstReceipt, expiresAt }: SentEntry, now: number): boolean {
  if (expiresAt !== undefined && expiresAt * 1000 <= now) return true;
  return firstReceipt !== undefined && now - firstReceipt > KEEP_AFTER_FIRST;
}

function markReceipted(entry: SentEntry, device: string): boolean {
  // What a retired device had before comes with its receipt all the same.
  const isNew = entry.outstanding.delete(device) || entry.removed.delete(device);
  if (isNew) entry.receipted.add(device);
  return isNew;
}

function markRemoved(entry: SentEntry, device: string): void {
  if (entry.outstanding.delete(device)) entry.removed.add(device);
}

function nameOf({ to, stream, seq }: Pick<SentEntry, 'to' | 'stream' | 'seq'>): string {
  return `sent/${sentKey(to, stream, seq)}`;
}

/** Which devices have an entry, and which are not waited for, lies beside it, so that its bytes need not be written again. */
function putProgress(entry: SentEntry): StoreOperation {
  const value = encodeCbor(
    toMap({ devices: [...entry.receipted], at: entry.firstReceipt, removed: [...entry.removed] }),
  );
  entry.isProgressKept = true;
  return { type: 'put', key: progressKey(entry), value };
}

function progressKey(entry: SentEntry): string {
  return `receipted/${nameOf(entry)}`;
}

function readProgress(bytes: Uint8Array) {
  const fields = readFields(decodeCbor(bytes), 'STATE_CORRUPT', 'receipts');
  return {
    devices: fields.required('devices', isDevices),
    at: fields.optional('at', isCounter),
    removed: fields.optional('removed', isDevices) ?? [],
  };
}
