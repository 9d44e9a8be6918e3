import { SealMQError } from '../../errors.js';
import type { VerificationId } from '../../protocol/registration/verification-id.js';
import type { CodeMessage, CodeSender, RegistrationOptions } from './options.js';

/** Hands codes on in the background: the answer to a request tells nothing of how that went. */
export interface Dispatch {
  /** @throws `USAGE_INVALID_ARGUMENT` when there is no sender of that kind */
  assertCan(kind: VerificationId['kind']): void;
  send(verification: VerificationId, message: Omit<CodeMessage, 'to'>): void;
  /** Waits for what is under way. */
  close(): Promise<void>;
}

/** @param report - told of each message that could not be handed on */
export function createDispatch(options: RegistrationOptions, report: (error: unknown) => void): Dispatch {
  const { email, phone } = options;
  if (!email && !phone) throw new SealMQError('USAGE_INVALID_ARGUMENT', 'registration needs a sender of codes');
  const senders: Readonly<Record<VerificationId['kind'], CodeSender | undefined>> = { email, phone };
  const running = new Set<Promise<void>>();
  return {
    assertCan(kind) {
      if (!senders[kind]) throw new SealMQError('USAGE_INVALID_ARGUMENT', `codes do not go out by ${kind} here`);
    },
    send({ kind, to }, message) {
      const sending = Promise.resolve(senders[kind]?.send({ to, ...message })).catch(report);
      running.add(sending);
      void sending.finally(() => running.delete(sending));
    },
    async close() {
      await Promise.allSettled(running);
      for (const sender of [email, phone]) await sender?.close();
    },
  };
}
