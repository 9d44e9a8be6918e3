import { SealMQError } from '../errors.js';
import type { Transport } from '../ports/transport.js';
import type { Inbox } from './inbox.js';

/** Stops the flow from the broker, with the session kept, while the inbox is full. */
export interface Valve {
  /** @throws `STATE_FULL`: what comes until the connection is down is not acknowledged, so the broker keeps it */
  admit(): void;
}

/**
 * An open valve before `inbox`.
 *
 * @param failed - is told what kept it from closing; it tries again at the next message
 */
export function createValve(
  transport: Pick<Transport, 'pause' | 'resume'>,
  inbox: Pick<Inbox, 'full' | 'roomy' | 'changed'>,
  failed: (error: unknown) => void,
): Valve {
  let closed = false;
  const drain = async () => {
    closed = true;
    try {
      await transport.pause();
      while (!inbox.roomy) await inbox.changed();
    } finally {
      closed = false;
      transport.resume();
    }
  };
  return {
    admit() {
      if (!inbox.full) return;
      if (!closed) drain().catch(failed);
      throw new SealMQError('STATE_FULL', 'the inbox is full');
    },
  };
}
