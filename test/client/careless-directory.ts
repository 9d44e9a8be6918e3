import type { KeyDirectory } from '../../src/ports/key-directory.js';

/** A directory that lets anybody replace any record: what a cheating one does, or one that lost its store. */
export function carelessDirectory(): KeyDirectory {
  const records = new Map<string, Uint8Array>();
  return {
    async lookup(address) {
      const record = records.get(address);
      return record ? { kind: 'record', record, maxAge: 3600 } : { kind: 'none', maxAge: 0 };
    },
    async publish(address, record) {
      records.set(address, record);
    },
    time: async () => undefined,
    close: async () => {},
  };
}
