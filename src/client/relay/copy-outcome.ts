import { SealMQError } from '../../errors.js';
import type { RelayAnswer } from '../../protocol/relay/index.js';

/** What became of one receiver's copy. */
export type CopyOutcome =
  /** It is in the receiver's queue at the broker. */
  | { readonly kind: 'accepted'; readonly to: string }
  /**
   * There is none: `DIRECTORY_NOT_FOUND` when nobody is registered there, `TRANSPORT_REFUSED` when relay or broker do not take
   * it, `STATE_EXPIRED` when it expired before.
   */
  | { readonly kind: 'refused'; readonly to: string; readonly error: SealMQError };

/** An outcome for each receiver, in their order. */
export function outcomesOf(
  receivers: readonly { readonly to: string }[],
  refusal: (to: string) => SealMQError | undefined,
): CopyOutcome[] {
  return receivers.map(({ to }) => {
    const error = refusal(to);
    return error ? { kind: 'refused', to, error } : { kind: 'accepted', to };
  });
}

/** Why a receiver gets no copy, if so. */
export function refusalIn({ refusal, refused }: RelayAnswer): (to: string) => SealMQError | undefined {
  if (refusal) {
    const error = new SealMQError('TRANSPORT_REFUSED', `the relay does not take it: ${refusal}`);
    return () => error;
  }
  return (to) => {
    const reason = refused.get(to);
    if (reason === 'not-registered') return new SealMQError('DIRECTORY_NOT_FOUND', `nobody is registered as ${to}`);
    return reason && new SealMQError('TRANSPORT_REFUSED', `the broker takes nothing for ${to}`);
  };
}
