/** A typed event source; listeners are called in the order they were added. */
export interface Events<Table> {
  on<Name extends keyof Table>(name: Name, listener: (event: Table[Name]) => void): () => void;
  emit<Name extends keyof Table>(name: Name, event: Table[Name]): void;
  /** Whether anybody listens. */
  listens(name: keyof Table): boolean;
}

/** An event source that can keep what happens until somebody can listen. */
export interface HeldEvents<Table> extends Events<Table> {
  /** Resolves when somebody can listen: only then does it mean something that nobody does. */
  readonly released: Promise<void>;
  /** Tells what was kept, in order, and keeps nothing from now on. */
  release(): void;
}

/** Most events that are kept; of more, the first ones. */
const MAX_HELD = 1000;

/**
 * An event source whose listeners cannot hurt one another: what one throws surfaces as an unhandled rejection.
 *
 * @param passing - where given, all but these are kept until {@link HeldEvents.release}
 */
export function createEvents<Table>(passing?: readonly (keyof Table)[]): HeldEvents<Table> {
  const listeners = new Map<keyof Table, Set<(event: never) => void>>();
  let held: (() => void)[] | undefined = passing && [];
  let tellReleased = (): void => {};
  const released = passing ? new Promise<void>((resolve) => (tellReleased = resolve)) : Promise.resolve();
  return {
    released,
    release() {
      const due = held ?? [];
      held = undefined;
      for (const tell of due) tell();
      tellReleased();
    },
    on(name, listener) {
      const known = listeners.get(name) ?? new Set();
      listeners.set(name, known.add(listener));
      return () => known.delete(listener);
    },
    listens: (name) => (listeners.get(name)?.size ?? 0) > 0,
    emit(name, event) {
      if (held && !passing?.includes(name)) {
        if (held.length < MAX_HELD) held.push(() => this.emit(name, event));
        return;
      }
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
