import { encodeCbor } from '../../bytes/cbor.js';
import { type Allocate, fresh, giveBack, lend } from '../../bytes/memory.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { all, run, type Steps } from '../../crypto/steps.js';
import { SealMQError } from '../../errors.js';
import type { Store, StoreOperation } from '../../ports/store.js';
import { groupCommit } from './group-commit.js';
import { type ValueCipher, valueCipher } from './value-cipher.js';
import { decodeStored } from './versioned-map.js';

/**
 * Version of what lies in the store. A release that changes the layout raises it and migrates. In 2 a message that the broker has
 * stays under `outbox/`, and a number says up to where they are acknowledged (`docs/adr/0016-written-once.md`); in 1 it moved
 * to `sent/`, which is read as before. So nothing has to be moved, but a release that knows 1 would publish all of them again.
 */
const SCHEMA_VERSION = 2;
const READ_AS_IT_IS = 1;
const SCHEMA_KEY = 'meta/schema';

/**
 * A store whose values are encrypted at rest with AES-256-GCM; see {@link valueCipher} for the layout. Keys stay in
 * clear: who reads the disk sees how many entries there are, their sizes and names, and could put an older value of the
 * same key back. The key `meta/schema` holds the schema version, encrypted as well, so that a wrong data key shows here.
 *
 * Concurrent batches are applied in the order of the calls, also over a store that would not (`level`'s own database).
 *
 * The result takes over `store`: closing it closes both. It is left open when this function throws.
 *
 * @param dataKey - 32 bytes
 * @throws `STATE_CORRUPT` when the store was written under another data key, or holds entries but no schema version;
 *   `STATE_NEWER_SCHEMA` when a newer release of SealMQ wrote it; `USAGE_INVALID_ARGUMENT` for a key of another size
 */
export async function encryptedStore(store: Store, dataKey: Uint8Array, provider: CryptoProvider): Promise<Store> {
  if (dataKey.length !== 32) throw new SealMQError('USAGE_INVALID_ARGUMENT', 'a data key has 32 bytes');
  const cipher = await valueCipher(dataKey.slice(), provider);
  await checkSchema(store, cipher);
  const { batch, idle } = groupCommit(async (operations, options) => {
    const sealing = run(sealOperations(cipher, operations, store.copies ? lend : fresh));
    const sealed = sealing instanceof Promise ? await sealing : sealing;
    await store.batch(sealed, options);
    for (const each of sealed) if (each.type === 'put') giveBack(each.value);
  });

  return {
    copies: true,
    batch,
    async get(key) {
      const sealed = await store.get(key);
      return sealed && cipher.open(key, sealed);
    },
    async *iterator(range) {
      for await (const [key, sealed] of store.iterator(range)) {
        const value = cipher.open(key, sealed);
        yield [key, value instanceof Promise ? await value : value];
      }
    },
    async close() {
      await idle();
      await store.close();
    },
  };
}

function* sealOperations(
  cipher: ValueCipher,
  operations: StoreOperation[],
  allocate: Allocate,
): Steps<StoreOperation[]> {
  const seal = (each: StoreOperation) => (each.type === 'put' ? cipher.seal(each.key, each.value, allocate) : null);
  const sealed = yield* all(operations.map(seal));
  return operations.map((each, index) => {
    const value = sealed[index];
    return each.type === 'put' && value ? { type: 'put', key: each.key, value } : each;
  });
}

async function checkSchema(store: Store, cipher: ValueCipher): Promise<void> {
  const sealed = await store.get(SCHEMA_KEY);
  if (sealed === undefined) return writeSchema(store, cipher);
  const version = decodeStored(await cipher.open(SCHEMA_KEY, sealed));
  if (typeof version === 'number' && version > SCHEMA_VERSION) {
    throw new SealMQError(
      'STATE_NEWER_SCHEMA',
      `the state has schema ${version}, this release knows ${SCHEMA_VERSION}`,
    );
  }
  if (version === READ_AS_IT_IS) return putSchema(store, cipher);
  if (version !== SCHEMA_VERSION) throw new SealMQError('STATE_CORRUPT', 'the schema version of the state is not one');
}

async function writeSchema(store: Store, cipher: ValueCipher): Promise<void> {
  for await (const [key] of store.iterator({ limit: 1 })) {
    throw new SealMQError('STATE_CORRUPT', `the store holds entries ("${key}") but no schema version`);
  }
  await putSchema(store, cipher);
}

async function putSchema(store: Store, cipher: ValueCipher): Promise<void> {
  const value = await cipher.seal(SCHEMA_KEY, encodeCbor(SCHEMA_VERSION));
  await store.batch([{ type: 'put', key: SCHEMA_KEY, value }], { sync: true });
}
