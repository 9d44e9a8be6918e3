import { SealMQError } from '../errors.js';
import { aFunction, assertArgument, assertOptions, lifetime } from './arguments.js';
import type { MessageHandler } from './delivery.js';
import type { Message, Payload } from './message.js';
import { createPatience } from './patience.js';
import type { Requests } from './requests.js';
import type { SendOptions, Sent } from './send.js';

/** How a request is sent. */
export interface RequestOptions extends SendOptions {
  /** Milliseconds; default 30,000. */
  readonly timeout?: number;
}

/** What a handler of `Messenger.respond` answers. */
export type Answer = Payload | undefined;

/** How long `request` waits for its answer, in milliseconds. */
const REQUEST_TIMEOUT = 30_000;

type Send = (to: string, payload: Payload, options: SendOptions, signal?: AbortSignal) => Promise<Sent>;

/** Sends a request that is not read any more once nobody waits for its answer. @throws `TRANSPORT_TIMEOUT`; otherwise as `send` */
export async function request(
  requests: Requests,
  send: Send,
  to: string,
  payload: Payload,
  options: RequestOptions,
): Promise<Message> {
  assertOptions(options, { timeout: lifetime }, 'options');
  const { timeout = REQUEST_TIMEOUT, ...sending } = options;
  const patience = createPatience(timeout);
  const sent = await inTime(patience.left(), (signal) =>
    send(to, payload, { expiresIn: Math.max(1, timeout / 1000), ...sending }, signal),
  );
  return requests.answer(sent.id, to, patience.left());
}

/** What `work` answers within so many milliseconds. @throws `TRANSPORT_TIMEOUT` */
async function inTime<T>(milliseconds: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const ending = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new SealMQError('TRANSPORT_TIMEOUT', 'the request could not be sent in time'));
      ending.abort();
    }, milliseconds);
  });
  return Promise.race([work(ending.signal), late]).finally(() => clearTimeout(timer));
}

/** Sends back what `handler` answers. */
export function responder(send: Send, handler: (message: Message) => Answer | Promise<Answer>): MessageHandler {
  assertArgument(handler, aFunction, 'a handler');
  return async (message) => {
    // What another device of ours has sent is no request to us.
    if (message.copy) return;
    const answer = await handler(message);
    if (answer !== undefined && message.family === 'message')
      await send(message.from, answer, { inReplyTo: message.id });
  };
}
