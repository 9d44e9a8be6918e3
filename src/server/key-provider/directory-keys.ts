import { storeKeyVault } from '../../adapters/store/store-key-vault.js';
import { toBase64url } from '../../bytes/base64url.js';
import { decodeCbor, encodeCbor } from '../../bytes/cbor.js';
import { isArrayOf, isBytes, isCounter, isText, present, readFields, toMap } from '../../bytes/fields.js';
import type { PublicKey } from '../../cose/key.js';
import type { CryptoProvider, PrivateKey } from '../../crypto/provider.js';
import { run } from '../../crypto/steps.js';
import { keyThumbprint } from '../../crypto/thumbprints.js';
import { SealMQError } from '../../errors.js';
import type { KeyVault } from '../../ports/key-vault.js';
import type { Store } from '../../ports/store.js';
import { type KeyList, keyList } from '../../protocol/directory/statements.js';
import { MAX_KEY_LISTS } from '../../protocol/directory/trust.js';
import { readUnverified, type StatementKind, signStatement } from '../../protocol/statement.js';

/** The directory's signing keys: the present one, during a roll-over the next one, and the lists that lead from key to key. */
export interface DirectoryKeys {
  /** The present public key and its thumbprint (base64url). */
  current(): { readonly publicKey: PublicKey; readonly thumbprint: string };
  /**
   * The public keys that are in use, or have been within the last `seconds`: what a long-lived statement may be signed by.
   */
  publicKeys(seconds: number): Promise<readonly PublicKey[]>;
  /** The chain of key lists, oldest first. */
  lists(): Promise<readonly Uint8Array[]>;
  sign<T>(kind: StatementKind<T>, content: T): Promise<Uint8Array>;
  /**
   * Names the next key in a list that the present one signs; the next one takes over after `overlap` seconds.
   *
   * @throws `USAGE_INVALID_ARGUMENT` while a roll-over is under way
   */
  rotate(overlap: number): Promise<void>;
}

/** What lies in the store beside the keys themselves. */
interface State {
  /** Names of keys in the vault: their thumbprints. */
  readonly current: string;
  readonly next?: string;
  /** When `next` takes over, in seconds. */
  readonly switchAt?: number;
  /** One list for each roll-over, then the present one. */
  readonly lists: readonly Uint8Array[];
}

interface NamedKey {
  readonly name: string;
  readonly key: PrivateKey;
}

const STATE_KEY = 'directory/keys';
const isLists = isArrayOf(isBytes, MAX_KEY_LISTS);

/**
 * Opens the signing keys in `store`; the first opening draws one.
 *
 * @param now - seconds
 * @throws `STATE_CORRUPT`
 */
export async function openDirectoryKeys(
  store: Store,
  provider: CryptoProvider,
  now: () => number,
): Promise<DirectoryKeys> {
  const vault = storeKeyVault(store, provider);
  let state = (await readState(store)) ?? (await firstState());
  let current = await stored(vault, state.current);
  let next = state.next === undefined ? undefined : await stored(vault, state.next);
  let changing: Promise<void> | undefined;

  async function firstState(): Promise<State> {
    const first = await drawKey(vault, provider);
    return writeState(store, {
      current: first.name,
      lists: [await signList(first, { keys: [first.key.publicKey], issuedAt: now() })],
    });
  }

  function signList(signer: NamedKey, list: KeyList): Promise<Uint8Array> {
    return Promise.resolve(run(signStatement(provider, signer.key, keyList, list)));
  }

  async function introduce(overlap: number): Promise<void> {
    const drawn = await drawKey(vault, provider);
    const switchAt = now() + overlap;
    const keys = [current.key.publicKey, drawn.key.publicKey];
    const handOver = await signList(current, { keys, issuedAt: now(), expiresAt: switchAt });
    const lists = [...state.lists.slice(0, -1), handOver].slice(1 - MAX_KEY_LISTS);
    state = await writeState(store, { current: current.name, next: drawn.name, switchAt, lists });
    next = drawn;
  }

  async function takeOver(successor: NamedKey): Promise<void> {
    const old = current.name;
    const own = await signList(successor, { keys: [successor.key.publicKey], issuedAt: now() });
    state = await writeState(store, { current: successor.name, lists: [...state.lists, own] });
    current = successor;
    next = undefined;
    await vault.delete(old);
  }

  /** One change at a time; everything that signs waits for it. */
  async function upToDate(): Promise<void> {
    while (changing) await changing;
    if (next && now() >= (state.switchAt ?? 0)) await change(takeOver(next));
  }

  function change(work: Promise<void>): Promise<void> {
    changing = work.finally(() => {
      changing = undefined;
    });
    return changing;
  }

  return {
    current: () => ({ publicKey: current.key.publicKey, thumbprint: current.name }),
    async publicKeys(seconds) {
      await upToDate();
      const oldest = now() - seconds;
      const lists = state.lists.map((list) => readUnverified(keyList, list));
      return lists.filter(({ expiresAt = now() }) => expiresAt >= oldest).flatMap(({ keys }) => keys);
    },
    async lists() {
      await upToDate();
      return state.lists;
    },
    async sign(kind, content) {
      await upToDate();
      return run(signStatement(provider, current.key, kind, content));
    },
    async rotate(overlap) {
      await upToDate();
      if (next || changing) throw new SealMQError('USAGE_INVALID_ARGUMENT', 'a roll-over is under way');
      await change(introduce(overlap));
    },
  };
}

/** A fresh key, durable in the vault under its thumbprint. */
async function drawKey(vault: KeyVault, provider: CryptoProvider): Promise<NamedKey> {
  const key = await provider.generateKey('Ed25519');
  const name = toBase64url(await run(keyThumbprint(provider, key.publicKey)));
  await vault.put(name, key);
  return { name, key };
}

async function stored(vault: KeyVault, name: string): Promise<NamedKey> {
  const key = await vault.get(name);
  if (!key) throw new SealMQError('STATE_CORRUPT', "the directory's signing key is missing");
  return { name, key };
}

async function readState(store: Store): Promise<State | undefined> {
  const bytes = await store.get(STATE_KEY);
  if (!bytes) return undefined;
  const fields = readFields(decodeCbor(bytes), 'STATE_CORRUPT', 'directory keys');
  return present({
    current: fields.required('current', isText(64)),
    next: fields.optional('next', isText(64)),
    switchAt: fields.optional('switchAt', isCounter),
    lists: fields.required('lists', isLists),
  });
}

async function writeState(store: Store, state: State): Promise<State> {
  await store.batch([{ type: 'put', key: STATE_KEY, value: encodeCbor(toMap({ ...state })) }], { sync: true });
  return state;
}
