import { createPatience } from '../patience.js';
import { createSignal } from '../signal.js';

/** How long whoever is asked may take to answer, in milliseconds. */
const ANSWER = 2_000;

/** Whether the other side of a call is there: time since it was heard, by a clock that nobody sets. */
export class Pulse {
  readonly #beat = createSignal();
  #heardAt = performance.now();
  #question: Promise<boolean> | undefined;

  /** Something opened under the keys of messages. */
  heard(): void {
    this.#heardAt = performance.now();
    this.#beat.notify();
  }

  /** Milliseconds without a sign of life. */
  get silence(): number {
    return performance.now() - this.#heardAt;
  }

  /** Whether anything is heard soon after `ask`; one question at a time. */
  answers(ask: () => void): Promise<boolean> {
    this.#question ??= this.#ask(ask).finally(() => {
      this.#question = undefined;
    });
    return this.#question;
  }

  async #ask(ask: () => void): Promise<boolean> {
    let heard = false;
    const beat = this.#beat.wait().then(() => {
      heard = true;
    });
    ask();
    // Twice: one may be lost, or come too soon behind another to be answered.
    const again = setTimeout(ask, ANSWER / 2);
    await createPatience(ANSWER).wait(beat);
    clearTimeout(again);
    return heard;
  }
}
