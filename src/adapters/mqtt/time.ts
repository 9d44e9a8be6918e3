import { SealMQError } from '../../errors.js';
import { pauseFor } from '../../pause.js';

/** The result of `work`. @throws `TRANSPORT_TIMEOUT` after `milliseconds`, or at once when `signal` is aborted */
export async function within<T>(work: Promise<T>, milliseconds: number, signal: AbortSignal): Promise<T> {
  const waiting = new AbortController();
  const giveUp = (): void => waiting.abort();
  signal.addEventListener('abort', giveUp);
  const late = pauseFor(milliseconds, waiting.signal).then(() => {
    throw new SealMQError('TRANSPORT_TIMEOUT', `no answer within ${milliseconds} ms`);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    late.catch(() => {});
    signal.removeEventListener('abort', giveUp);
    giveUp();
  }
}
