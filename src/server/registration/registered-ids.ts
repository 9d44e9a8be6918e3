import { equal } from '../../bytes/bytes.js';
import { decodeCbor, encodeCbor } from '../../bytes/cbor.js';
import { isBytesOf, isCounter, readFields, toMap } from '../../bytes/fields.js';
import { SealMQError } from '../../errors.js';
import type { Store, StoreOperation } from '../../ports/store.js';
import { type DecodedFilter, IdFilter, type IdFilterSettings } from '../../protocol/registration/id-filter.js';
import type { FilterFiles, StoredFilter } from './filter-file.js';

/** The registration ids, as a Bloom filter that survives restarts. Digests are keyed hashes of 32 bytes. */
export interface RegisteredIds {
  has(digest: Uint8Array): boolean;
  /** Adds `digest`, together with other changes of the store; durable when it resolves. */
  add(digest: Uint8Array, others: readonly StoreOperation[]): Promise<void>;
  /** Ids in the filter, and layers of its present generation. */
  readonly size: { readonly count: number; readonly layers: number };
  /** Writes what is in memory to the files. */
  close(): Promise<void>;
}

/** What {@link openRegisteredIds} needs. */
interface Parts {
  readonly store: Store;
  /** Absent where everything ends with the process, or lies in the store alone. */
  readonly files: FilterFiles | undefined;
  readonly settings: IdFilterSettings;
  /** 32 bytes: tells under which key the digests are made. */
  readonly keyCheck: Uint8Array;
  /** Begin anew where both files are damaged. */
  readonly rebuild: boolean;
  /** Seconds. */
  readonly now: () => number;
  /** Told of a damaged file whose copy was whole, and of a filter that begins anew. */
  readonly report: (error: unknown) => void;
  /** Called when a generation begins. */
  readonly onGeneration: () => void;
}

/** What is in the store beside the files: how much of the journal both of them hold. */
interface Mark {
  readonly sequence: number;
  readonly keyCheck: Uint8Array;
}

const MARK = 'registration/filter';
const JOURNAL = 'registration/journal/';

/** Entries of the journal after which the files are written. */
const JOURNAL_LENGTH = 10_000;

/**
 * Opens the filter: the newest file that is whole, and what the journal has beyond it. A registration is one entry of the journal;
 * the files, some megabytes, are written now and then.
 *
 * @throws `STATE_CORRUPT` when both files are damaged, or the hashes are under another key
 */
export async function openRegisteredIds(parts: Parts): Promise<RegisteredIds> {
  const { store, files, settings, now, report } = parts;
  const mark = await readMark(store);
  if (mark && !equal(mark.keyCheck, parts.keyCheck)) throw otherKey();
  const loaded = files && (await load(files, mark, parts));
  const filter = loaded?.filter ?? new IdFilter(settings, now());
  const last = await replay(store, loaded?.sequence ?? 0, (digest) => filter.add(digest, now()));
  let sequence = Math.max(last, mark?.sequence ?? 0);
  let written = mark?.sequence ?? 0;
  let writing: Promise<void> | undefined;

  async function write(): Promise<void> {
    if (!files) return;
    // What stands in the filter now is what all entries up to this one have made of it.
    const upTo = sequence;
    await files.write(filter.encode(upTo, parts.keyCheck));
    await store.batch(
      [putMark({ sequence: upTo, keyCheck: parts.keyCheck }), ...journalKeys(written, upTo).map(forget)],
      {
        sync: true,
      },
    );
    written = upTo;
  }

  /** One after the other; a failure is reported, and tried again with the next entries. */
  function writeSoon(): void {
    writing ??= write()
      .catch(report)
      .finally(() => {
        writing = undefined;
      });
  }

  // Also a file that was restored from its copy is whole again from now on.
  if (files) await write();
  else if (!mark) await store.batch([putMark({ sequence: 0, keyCheck: parts.keyCheck })]);

  return {
    has(digest) {
      return filter.has(digest);
    },
    async add(digest, others) {
      if (filter.advance(now())) parts.onGeneration();
      filter.add(digest, now());
      sequence += 1;
      const entry: StoreOperation = { type: 'put', key: journalKey(sequence), value: digest };
      await store.batch([...others, ...(store.volatile ? [] : [entry])], { sync: true });
      if (sequence - written >= JOURNAL_LENGTH) writeSoon();
    },
    get size() {
      return { count: filter.count, layers: filter.layers };
    },
    async close() {
      await writing;
      if (sequence > written) await write();
    },
  };
}

/** What the files hold; nothing where there never were any. */
async function load(files: FilterFiles, mark: Mark | undefined, parts: Parts): Promise<DecodedFilter | undefined> {
  const stored = await files.read();
  const isNew = !mark && stored.every((file) => 'damage' in file && file.missing);
  return isNew ? undefined : newest(stored, mark?.sequence ?? 0, parts);
}

/** The filter of the first file that is whole and holds at least what the journal has not any more. */
function newest(stored: readonly StoredFilter[], least: number, parts: Parts): DecodedFilter | undefined {
  const damages: SealMQError[] = [];
  for (const file of stored) {
    const outcome = 'damage' in file ? file.damage : usable(file.content, file.name, least, parts);
    if (!(outcome instanceof SealMQError)) {
      for (const damage of damages) parts.report(damage);
      return outcome;
    }
    damages.push(outcome);
  }
  const error = new SealMQError(
    'STATE_CORRUPT',
    `the filter of registration ids is lost: ${damages.map(({ message }) => message).join('; ')}. Put one of the two files back, ` +
      'or begin with an empty filter on purpose (rebuild): ids come back as their owners renew their Info OK',
    damages[0],
  );
  if (!parts.rebuild) throw error;
  parts.report(error);
  return undefined;
}

function usable(content: Uint8Array, name: string, least: number, { settings, keyCheck }: Parts) {
  let decoded: DecodedFilter;
  try {
    decoded = IdFilter.decode(content, settings);
  } catch (error) {
    if (error instanceof SealMQError && error.code === 'STATE_CORRUPT') return error;
    throw error;
  }
  if (!equal(decoded.keyCheck, keyCheck)) throw otherKey();
  if (decoded.sequence >= least) return decoded;
  return new SealMQError('STATE_CORRUPT', `the file ${name} is damaged: it is older than the database`);
}

function otherKey(): SealMQError {
  return new SealMQError('STATE_CORRUPT', 'the filter of registration ids was made under another key');
}

/** Adds the entries after `from`; answers the number of the last one. */
async function replay(store: Store, from: number, add: (digest: Uint8Array) => void): Promise<number> {
  let last = from;
  for await (const [key, digest] of store.iterator({ gt: journalKey(from), lt: `${JOURNAL}~` })) {
    last = Number(key.slice(JOURNAL.length));
    add(digest);
  }
  return last;
}

function journalKey(sequence: number): string {
  return JOURNAL + String(sequence).padStart(16, '0');
}

function journalKeys(after: number, upTo: number): string[] {
  return Array.from({ length: upTo - after }, (_, i) => journalKey(after + 1 + i));
}

function forget(key: string): StoreOperation {
  return { type: 'del', key };
}

async function readMark(store: Store): Promise<Mark | undefined> {
  const bytes = await store.get(MARK);
  if (!bytes) return undefined;
  const fields = readFields(decodeCbor(bytes), 'STATE_CORRUPT', 'mark of the filter');
  return {
    sequence: fields.required('sequence', isCounter),
    keyCheck: fields.required('keyCheck', isBytesOf(32)),
  };
}

function putMark(mark: Mark): StoreOperation {
  return { type: 'put', key: MARK, value: encodeCbor(toMap({ ...mark })) };
}
