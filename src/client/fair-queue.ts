/** Begins something for a peer; resolves when the next may begin, `done` when it is through. */
export type Work = () => Promise<{ readonly done: Promise<unknown> } | undefined>;

/** What is done for peers when they ask for it, apart from who hears them: they take turns, so that none holds up the others. */
export interface FairQueue {
  /** Puts work last in the line of a peer, under a key that names it; where too much waits for the peer, it is not done. */
  add(peer: string, key: unknown, work: Work): void;
  /** Whether the work under a key waits and has not begun. */
  waits(peer: string, key: unknown): boolean;
  /** Forgets what has not begun. */
  clear(): void;
}

/** What a {@link FairQueue} goes by. */
export interface FairQueueParts {
  /** How much may be on its way at a time. */
  readonly window: number;
  /** How much may wait for one peer. */
  readonly perPeer: number;
  failed(error: unknown): void;
}

/** An empty queue. */
export function createFairQueue({ window, perPeer, failed }: FairQueueParts): FairQueue {
  /** In the order of their turns. */
  const lines = new Map<string, Map<unknown, Work>>();
  let underWay = 0;
  let isBeginning = false;

  /** The next in turn; its peer goes to the end. */
  const next = (): Work | undefined => {
    for (const [peer, line] of lines) {
      lines.delete(peer);
      for (const [key, work] of line) {
        line.delete(key);
        if (line.size > 0) lines.set(peer, line);
        return work;
      }
    }
    return undefined;
  };
  const begin = async (work: Work) => {
    underWay++;
    const ended = () => {
      underWay--;
      void advance();
    };
    try {
      const begun = await work();
      Promise.resolve(begun?.done).catch(failed).finally(ended);
    } catch (error) {
      failed(error);
      ended();
    }
  };
  /** One begins after the other, which keeps their order; what was begun is awaited side by side. */
  const advance = async () => {
    if (isBeginning) return;
    isBeginning = true;
    while (underWay < window) {
      const work = next();
      if (!work) break;
      await begin(work);
    }
    isBeginning = false;
  };

  return {
    add(peer, key, work) {
      const line = lines.get(peer) ?? new Map<unknown, Work>();
      if (line.size >= perPeer) return;
      lines.set(peer, line.set(key, work));
      void advance();
    },
    waits: (peer, key) => lines.get(peer)?.has(key) === true,
    clear: () => lines.clear(),
  };
}
