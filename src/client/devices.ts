import { type DeviceEntry, retireDevice, revokeDevice } from '../protocol/identity/index.js';
import type { Announcements } from './announcements.js';
import { type Context, seconds } from './context.js';

/** The devices of our own account. */
export interface Devices {
  /** As our record has them, retired and revoked ones included. */
  list(): readonly DeviceEntry[];
  /**
   * Nothing more is sealed to this device; what it has sent verifies for another 45 days.
   *
   * @throws `USAGE_NO_IDENTITY_KEY` on a linked device, `USAGE_INVALID_ARGUMENT` for an id that is not active or the only one;
   *   `DIRECTORY_` codes
   */
  retire(id: string): Promise<void>;
  /** For a lost or stolen device: from now on nothing of it verifies. @throws as {@link Devices.retire} */
  revoke(id: string): Promise<void>;
}

/** The devices of `context.account`; who knows us is told of every change. */
export function createDevices(context: Context, announcements: Announcements): Devices {
  const { account, keys } = context;
  return {
    list: () => account.record.devices,
    async retire(id) {
      await account.change(retireDevice(id, seconds(context)), keys, seconds(context));
      announcements.changed();
    },
    async revoke(id) {
      await account.change(revokeDevice(id, seconds(context)), keys, seconds(context));
      announcements.changed();
    },
  };
}
