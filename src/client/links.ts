import { toBase64url } from '../bytes/base64url.js';
import type { CryptoProvider } from '../crypto/provider.js';
import { run } from '../crypto/steps.js';
import type { SenderKey } from '../protocol/envelope/open.js';
import { type DeviceEntry, deviceKid } from '../protocol/identity/device.js';

/** Acts on a statement that the device `speaker` of our own address has sent. */
export type LinkListener = (statement: Uint8Array, speaker: string) => Promise<void>;

/** Who waits for the statements of the device link, and which devices may speak of it although no record has them yet. */
export interface Links {
  /** Statements go to `listener` until the returned function is called. */
  listen(listener: LinkListener): () => void;
  /** Lets a device that is not in our record be heard, until the returned function is called. */
  admit(provider: CryptoProvider, guest: DeviceEntry): Promise<() => void>;
  /** The key of an admitted device. */
  guestKey(kid: Uint8Array): SenderKey | undefined;
  isGuest(device: string): boolean;
  take: LinkListener;
}

/** Nobody waits yet. */
export function createLinks(): Links {
  const listeners = new Set<LinkListener>();
  const guests = new Map<string, DeviceEntry>();
  return {
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async admit(provider, guest) {
      const kid = toBase64url(await run(deviceKid(provider, guest)));
      guests.set(kid, guest);
      return () => guests.delete(kid);
    },
    guestKey(kid) {
      const guest = guests.size > 0 ? guests.get(toBase64url(kid)) : undefined;
      return guest && { key: guest.signKey, device: guest.id };
    },
    isGuest: (device) => [...guests.values()].some(({ id }) => id === device),
    async take(statement, speaker) {
      for (const listener of [...listeners]) await listener(statement, speaker);
    },
  };
}
