import { asSealMQError } from '../../errors.js';
import { placeOf } from '../../protocol/envelope/topics.js';
import type { RelayAnswer } from '../../protocol/relay/index.js';
import type { Context } from '../context.js';
import { createAnswerReader } from './answer-reader.js';

/** Who waits for answers of the relay. */
export interface AnswerListener {
  /** Whether any answer is waited for at all. */
  awaits(): boolean;
  /** Looks at an answer; it may be to somebody else's question. */
  settle(answer: RelayAnswer): Promise<void> | void;
}

/** The relay's answers, for whoever of this messenger has asked. */
export interface Answers {
  listen(listener: AnswerListener): void;
  /** Takes an answer of the relay; false when the topic is none of answers. */
  take(topic: string, bytes: Uint8Array): boolean;
}

/** Nobody waits yet. */
export function createAnswers(context: Context): Answers {
  const listeners: AnswerListener[] = [];
  const read = createAnswerReader(context, () => listeners.some((listener) => listener.awaits()));
  const stumble = (cause: unknown) =>
    context.events.emit(
      'warning',
      asSealMQError(cause, 'STATE_UNAVAILABLE', 'an answer of the relay was not dealt with'),
    );
  return {
    listen: (listener) => void listeners.push(listener),
    take(topic, bytes) {
      if (placeOf(context.topicPrefix, context.account.address, topic)?.family !== 'relay') return false;
      read(bytes)
        .then((answer) => answer && Promise.all(listeners.map((listener) => listener.settle(answer))))
        .catch(stumble);
      return true;
    },
  };
}
