import { LRUCache } from 'lru-cache';
import { equal } from '../../bytes/bytes.js';
import { Header } from '../../cose/labels.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { run } from '../../crypto/steps.js';
import { SealMQError } from '../../errors.js';
import type { SignedTokenRequest } from '../../protocol/directory/admission.js';
import { type SignedVoucher, VOUCHER_LIFE } from '../../protocol/directory/guest.js';
import { type DeviceEntry, deviceKid } from '../../protocol/identity/device.js';
import { verify } from '../../protocol/signed.js';

/** Devices that are to be linked: their accounts have vouched for them, and no record has them yet. */
export interface Guests {
  /** Takes a guest in for ten minutes; of one address the latest four. */
  welcome(voucher: SignedVoucher): Promise<void>;
  /**
   * The guest that signed `request`, and for how many seconds it still is one; `undefined` when nobody has vouched for who signed it.
   *
   * @throws `DIRECTORY_REFUSED` when the signature is not the guest's
   */
  find(request: SignedTokenRequest): Promise<{ readonly device: DeviceEntry; readonly left: number } | undefined>;
}

interface Guest {
  readonly kid: Uint8Array;
  readonly device: DeviceEntry;
  /** Seconds. */
  readonly until: number;
}

/** Somebody may show one link after the other. */
const MAX_OF_ADDRESS = 4;

/** Addresses that have guests. Who is pushed out shows another link. */
const MAX_ADDRESSES = 5000;

/**
 * Nobody yet. Guests are in memory: after a restart of the directory a link is answered anew.
 *
 * @param now - seconds
 */
export function createGuests(provider: CryptoProvider, now: () => number): Guests {
  const guests = new LRUCache<string, readonly Guest[]>({ max: MAX_ADDRESSES });
  const of = (address: string) => (guests.get(address) ?? []).filter(({ until }) => until > now());
  return {
    async welcome({ address, device }) {
      const kid = await run(deviceKid(provider, device));
      const others = of(address).filter((guest) => !equal(guest.kid, kid));
      guests.set(address, [...others, { kid, device, until: now() + VOUCHER_LIFE }].slice(-MAX_OF_ADDRESS));
    },
    async find({ address, message }) {
      const kid = message.protectedHeader.get(Header.kid);
      const guest = kid instanceof Uint8Array ? of(address).find((one) => equal(one.kid, kid)) : undefined;
      if (!guest) return undefined;
      const { device, until } = guest;
      if (await run(verify(provider, device.signKey, message, { purpose: 'token' })))
        return { device, left: until - now() };
      throw new SealMQError('DIRECTORY_REFUSED', `no guest of ${address} has signed this`);
    },
  };
}
