import type { CallSession } from './session.js';

/** Calls that are kept, at most. */
const MAX_WAITING = 64;

/** Calls that are over while there was no connection: the other side hears of it over the next one. */
export class Farewells {
  readonly #waiting = new Set<CallSession>();

  /** A call is over, and is kept if it could not say so. */
  async part(session: CallSession): Promise<void> {
    if (!(await session.told())) return;
    this.#waiting.add(session);
    const [oldest] = this.#waiting;
    if (oldest && this.#waiting.size > MAX_WAITING) this.#waiting.delete(oldest);
  }

  /** There is a connection again. */
  again(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const session of waiting) {
      session.reconnected();
      void this.part(session);
    }
  }
}
