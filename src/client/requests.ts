import { SealMQError } from '../errors.js';
import type { Message } from './message.js';
import { LONGEST_TIMER } from './patience.js';

/** Requests of this process that wait for their answers. */
export interface Requests {
  /**
   * The answer of `from` to the message `id`.
   *
   * @param timeout - milliseconds, of which {@link LONGEST_TIMER} are waited at most
   * @throws `TRANSPORT_TIMEOUT` when none came in time, `USAGE_CLOSED` on {@link close}
   */
  answer(id: string, from: string, timeout: number): Promise<Message>;
  /** Whether somebody waits for `message`, who then has it. */
  take(message: Message): boolean;
  close(): void;
}

interface Waiting {
  readonly from: string;
  resolve(message: Message): void;
  reject(error: SealMQError): void;
}

/** No requests yet. */
export function createRequests(): Requests {
  const waiting = new Map<string, Waiting>();
  let closed = false;
  return {
    answer(id, from, timeout) {
      return new Promise<Message>((resolve, reject) => {
        if (closed) return reject(closedError());
        const timer = setTimeout(
          () => {
            reject(new SealMQError('TRANSPORT_TIMEOUT', `${from} has not answered in time`));
          },
          Math.min(timeout, LONGEST_TIMER),
        );
        waiting.set(id, {
          from,
          resolve: (message) => {
            clearTimeout(timer);
            resolve(message);
          },
          reject: (error) => {
            clearTimeout(timer);
            reject(error);
          },
        });
      }).finally(() => waiting.delete(id));
    },
    take(message) {
      const request = message.inReplyTo === undefined ? undefined : waiting.get(message.inReplyTo);
      // Anybody may name the id of a request; only the one who was asked may answer it.
      if (request?.from !== message.from) return false;
      // A second answer may come in the same turn.
      waiting.delete(message.inReplyTo as string);
      request.resolve(message);
      return true;
    },
    close() {
      closed = true;
      for (const { reject } of waiting.values()) reject(closedError());
    },
  };
}

function closedError(): SealMQError {
  return new SealMQError('USAGE_CLOSED', 'closed before the answer came');
}
