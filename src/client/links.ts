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
  /** One for each link that is being answered: a device that shows another may be here twice. */
  const guests = new Set<{ readonly kid: string; readonly entry: DeviceEntry }>();
  return {
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async admit(provider, guest) {
      const admitted = { kid: toBase64url(await run(deviceKid(provider, guest))), entry: guest };
      guests.add(admitted);
      return () => guests.delete(admitted);
    },
    guestKey(kid) {
      if (guests.size === 0) return undefined;
      const name = toBase64url(kid);
      const guest = [...guests].find((one) => one.kid === name)?.entry;
      return guest && { key: guest.signKey, device: guest.id };
    },
    isGuest: (device) => [...guests].some(({ entry }) => entry.id === device),
    async take(statement, speaker) {
      // What is for one of two links does not verify for the other.
      const taken = await Promise.allSettled([...listeners].map((listener) => listener(statement, speaker)));
      const failed = taken.filter((one) => one.status === 'rejected');
      if (failed.length === taken.length && failed[0]) throw failed[0].reason;
    },
  };
}
