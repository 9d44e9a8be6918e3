import { isSealMQError, SealMQError } from '../../errors.js';
import { pauseFor } from '../../pause.js';
import type { DialOptions, PassingCredentials } from './options.js';
import { within } from './time.js';

/** The credentials of one connection after the other. */
export interface CredentialSource {
  /** For the next connection. Rejects never: an error is the answer when there are none. */
  next(signal: AbortSignal): Promise<PassingCredentials | SealMQError>;
  /**
   * Resolves to true when those of the present connection are about to run out and {@link next} has better ones at hand; to false
   * when `signal` is aborted.
   */
  renewed(signal: AbortSignal): Promise<boolean>;
}

/** When new credentials are asked for: at a random moment of this part of the life of the old ones, or all clients come at once. */
const [EARLIEST, LATEST] = [0.7, 0.85];

/** Between two attempts to get them, in milliseconds, at least. */
const PAUSE = 1000;

/** Asks `options.credentials`. */
export function credentialSource(options: DialOptions): CredentialSource {
  const { random = Math.random } = options;
  let ready: PassingCredentials | undefined;
  /** When those in use run out, in milliseconds of this process; none for ever. */
  let over: number | undefined;

  const left = (): number => (over ?? Number.POSITIVE_INFINITY) - performance.now();

  async function ask(signal: AbortSignal): Promise<PassingCredentials | SealMQError> {
    try {
      const who =
        (await within(
          options.credentials?.(options.clientId) ?? Promise.resolve({}),
          options.connectTimeout,
          signal,
        )) ?? {};
      return signal.aborted ? new SealMQError('TRANSPORT_CLOSED', 'disconnected on purpose') : who;
    } catch (error) {
      if (isSealMQError(error, 'TRANSPORT_REFUSED')) return error;
      return new SealMQError('TRANSPORT_UNREACHABLE', 'the credentials could not be had', error);
    }
  }

  return {
    async next(signal) {
      const who = ready ?? (await ask(signal));
      ready = undefined;
      if (who instanceof SealMQError) return who;
      over = who.validFor === undefined ? undefined : performance.now() + who.validFor;
      return who;
    },
    async renewed(signal) {
      if (over === undefined) return false;
      let pause = left() * (EARLIEST + (LATEST - EARLIEST) * random());
      while (!signal.aborted) {
        await pauseFor(Math.max(pause, PAUSE), signal);
        if (signal.aborted) return false;
        const who = await ask(signal);
        if (!(who instanceof SealMQError) && (who.validFor ?? Number.POSITIVE_INFINITY) > left() + PAUSE) {
          ready = who;
          return true;
        }
        pause = left() / 4;
      }
      return false;
    },
  };
}
