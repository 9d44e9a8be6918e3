import { SealMQError } from '../errors.js';
import type { Transport } from '../ports/transport.js';

/** A transport that never connects, for what concerns the directory only: a stolen device is revoked while the broker is down. */
export function offlineTransport(): Transport {
  return {
    open: async () => {},
    publish: async () => {
      throw new SealMQError('TRANSPORT_CLOSED', 'this command does without the broker');
    },
    subscribe: async () => {},
    unsubscribe: async () => {},
    pause: async () => {},
    resume: () => {},
    close: async () => {},
  };
}
