import { equal } from '../../src/bytes/bytes.js';
import type { DirectoryAnswer, KeyDirectory } from '../../src/ports/key-directory.js';
import type { KeyRecord } from '../../src/protocol/identity/index.js';

/** A directory that says what the test wants, and counts how often it is asked. */
export interface ScriptedDirectory extends KeyDirectory {
  /** The record it holds for any address; `undefined` for none. */
  holds: KeyRecord | undefined;
  maxAge: number;
  /** Thrown instead of an answer. */
  fails: Error | undefined;
  /** Awaited before each answer, which is made up before. */
  gate: Promise<void>;
  /** Given instead of an answer. */
  answers: DirectoryAnswer | undefined;
  readonly asked: string[];
}

export function scriptedDirectory(holds?: KeyRecord): ScriptedDirectory {
  const asked: string[] = [];
  const answer = (knownHash?: Uint8Array): DirectoryAnswer => {
    const { holds: record, maxAge } = self;
    if (!record) return { kind: 'none', maxAge };
    if (knownHash && equal(knownHash, record.hash)) return { kind: 'unchanged', maxAge };
    return { kind: 'record', record: record.bytes, maxAge };
  };
  const self: ScriptedDirectory = {
    holds,
    maxAge: 300,
    fails: undefined,
    gate: Promise.resolve(),
    answers: undefined,
    asked,
    async lookup(address, knownHash) {
      asked.push(address);
      const [given, failure] = [self.answers ?? answer(knownHash), self.fails];
      await self.gate;
      if (failure) throw failure;
      return given;
    },
    publish: async () => {},
    time: async () => undefined,
    close: async () => {},
  };
  return self;
}

/** A promise and what resolves it. */
export function gate(): { readonly closed: Promise<void>; open(): void } {
  let open = () => {};
  const closed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { closed, open: () => open() };
}
