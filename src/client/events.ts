/** A typed event source; listeners are called in the order they were added. */
export interface Events<Table> {
  on<Name extends keyof Table>(name: Name, listener: (event: Table[Name]) => void): () => void;
  emit<Name extends keyof Table>(name: Name, event: Table[Name]): void;
  /** Whether anybody listens. */
  listens(name: keyof Table): boolean;
}

/** An event source whose listeners cannot hurt one another: what one throws surfaces as an unhandled rejection. */
export function createEvents<Table>(): Events<Table> {
  const listeners = new Map<keyof Table, Set<(event: never) => void>>();
  return {
    on(name, listener) {
      const known = listeners.get(name) ?? new Set();
      listeners.set(name, known.add(listener));
      return () => known.delete(listener);
    },
    listens: (name) => (listeners.get(name)?.size ?? 0) > 0,
    emit(name, event) {
      for (const listener of listeners.get(name) ?? []) {
        try {
          (listener as (event: unknown) => void)(event);
        } catch (error) {
          void Promise.reject(error);
        }
      }
    },
  };
}
