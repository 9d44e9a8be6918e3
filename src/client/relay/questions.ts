import { toHex } from '../../bytes/bytes.js';
import { isSealMQError, SealMQError } from '../../errors.js';
import { createPauses } from '../../pause.js';
import type { RelayAnswer } from '../../protocol/relay/index.js';
import type { Context } from '../context.js';
import type { DirectoryClock } from '../directory-clock.js';
import type { Answers } from './answers.js';

/** Something for the relay that need not outlive this process. */
export interface Question {
  readonly topic: string;
  /** Signs and seals it, with the time that it is. */
  make(): Promise<{ readonly nonce: Uint8Array; readonly bytes: Uint8Array }>;
  /** For how long an answer is of use, in milliseconds. */
  readonly life: number;
}

/** Asks the relay, in the same bytes until it answers. */
export interface Questions {
  /**
   * @returns the answer, which may be a refusal; one made at the wrong time was made anew, and one that came too often has waited
   * @throws `TRANSPORT_TIMEOUT` when none comes, `TRANSPORT_REFUSED` by the broker, `USAGE_CLOSED`; as `makeHandIn`
   */
  ask(question: Question): Promise<RelayAnswer>;
  close(): void;
}

/** Longest pause before what is not answered goes out again, in milliseconds. */
const LONGEST_PAUSE = 60_000;

/** Nothing is asked yet. @param againAfter - first pause before a repetition, in milliseconds; doubles */
export function createQuestions(
  context: Context,
  answers: Answers,
  clock: Pick<DirectoryClock, 'hear'>,
  againAfter: number,
): Questions {
  const waiting = new Map<string, (answer?: RelayAnswer) => void>();
  const pauses = createPauses();
  let closed = false;
  answers.listen({
    awaits: () => waiting.size > 0,
    settle: (answer) => waiting.get(toHex(answer.nonce))?.(answer),
  });

  /** Sends it once; what was answered within `pause` milliseconds. */
  const attempt = async (topic: string, name: string, bytes: Uint8Array, pause: number) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const answered = new Promise<RelayAnswer | undefined>((resolve) => {
      waiting.set(name, resolve);
      timer = setTimeout(() => resolve(undefined), pause);
    });
    try {
      await context.transport.publish(topic, bytes, { qos: 1 }).catch((error: unknown) => {
        // Without a connection it goes out again when there may be one.
        if (!isSealMQError(error, 'TRANSPORT_CLOSED')) throw error;
      });
      return await answered;
    } finally {
      clearTimeout(timer);
      waiting.delete(name);
    }
  };
  return {
    async ask({ topic, make, life }) {
      // The answer may set our clock, by hours.
      const end = performance.now() + life;
      const left = () => end - performance.now();
      let made = await make();
      let isNew = true;
      let madeAnew = false;
      for (let pause = againAfter; left() > 0 && !closed; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
        const sentAt = context.now();
        const answer = await attempt(topic, toHex(made.nonce), made.bytes, Math.min(pause, left()));
        // A repeated answer tells the time of the first one.
        if (answer && isNew) clock.hear(answer.now, sentAt, context.now());
        isNew = false;
        if (answer?.refusal === 'stale' && !madeAnew) {
          made = await make();
          isNew = true;
          madeAnew = true;
        } else if (answer?.refusal === 'rate-limited' && (answer.retryAfter ?? 1) * 1000 < left()) {
          await pauses.wait((answer.retryAfter ?? 1) * 1000);
        } else if (answer) return answer;
      }
      if (closed) throw new SealMQError('USAGE_CLOSED', 'closed before the relay answered');
      throw new SealMQError('TRANSPORT_TIMEOUT', 'the relay has not answered');
    },
    close() {
      closed = true;
      pauses.end();
      for (const end of waiting.values()) end();
    },
  };
}
