/** Runs `work` after everything of the same `name` that was handed in before, and answers its result. */
export type InTurn = <T>(name: string, work: () => Promise<T>) => Promise<T>;

/** A queue for each name; names that have nothing to do are forgotten. */
export function inTurn(): InTurn {
  const last = new Map<string, Promise<unknown>>();
  return (name, work) => {
    const turn = (last.get(name) ?? Promise.resolve()).then(work);
    const settled: Promise<void> = turn
      .catch(() => {})
      .then(() => {
        if (last.get(name) === settled) last.delete(name);
      });
    last.set(name, settled);
    return turn;
  };
}
