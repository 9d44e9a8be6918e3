import { SealMQError } from '../../errors.js';

/** The promise that `open` answers: settled once, by a success, a refusal, or because nothing answered in time. */
export interface Opening {
  readonly done: Promise<void>;
  readonly pending: boolean;
  /** The broker has answered: from here on it may take as long as it takes. */
  answered(): void;
  /** Back to waiting for an answer; `trouble` is what will be told as the cause when none comes. */
  waiting(trouble?: SealMQError): void;
  succeed(): void;
  fail(error: SealMQError): void;
}

/** @param timeout - milliseconds for the broker to answer, before `done` rejects with `TRANSPORT_TIMEOUT` */
export function createOpening(timeout: number): Opening {
  const { done, resolve, reject } = deferred();
  let pending = true;
  let trouble: SealMQError | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function answered(): void {
    clearTimeout(timer);
    timer = undefined;
  }

  function settle(how: () => void): void {
    answered();
    pending = false;
    how();
  }

  function expire(): void {
    const text = `no broker answered within ${timeout} ms${trouble === undefined ? '' : `: ${trouble.message}`}`;
    settle(() => reject(new SealMQError('TRANSPORT_TIMEOUT', text, trouble)));
  }

  return {
    done,
    get pending() {
      return pending;
    },
    answered,
    waiting(news) {
      trouble = news ?? trouble;
      if (pending) timer ??= setTimeout(expire, timeout);
    },
    succeed: () => settle(resolve),
    fail: (error) => settle(() => reject(error)),
  };
}

function deferred(): { done: Promise<void>; resolve: () => void; reject: (error: SealMQError) => void } {
  let resolve = (): void => {};
  let reject = (_error: SealMQError): void => {};
  const done = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  // Nobody may be waiting: a transport can be closed before it was opened.
  done.catch(() => {});
  return { done, resolve, reject };
}
