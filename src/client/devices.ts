import { type DeviceEntry, type RecordEdit, retireDevice, revokeDevice } from '../protocol/identity/index.js';
import type { Announcements } from './announcements.js';
import { assertArgument, text } from './arguments.js';
import { type Context, seconds } from './context.js';
import { type LinkOptions, type LinkRequest, requestLink } from './offer-link.js';
import type { Redelivery } from './redelivery.js';

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
  /**
   * Answers the link that a new device shows. It is linked when a person has compared the digits, and
   * {@link LinkRequest.confirm} was called.
   *
   * @param link - `sealmq:link/…`
   * @throws `DECODE_LINK`, `USAGE_LINK_EXPIRED`; `USAGE_NO_IDENTITY_KEY` on a linked device; `USAGE_INVALID_ARGUMENT` for a
   *   link to another address, or a device id that is taken; `VERIFY_SIGNATURE` when the new device was shown another identity
   *   than ours, or does not prove its keys; `TRANSPORT_TIMEOUT` when it does not answer
   */
  link(link: string, options?: LinkOptions): Promise<LinkRequest>;
  /** Resolves when the broker has the news of our present record for everybody who knows us. */
  announced(): Promise<void>;
  /** For a lost or stolen device: from now on nothing of it verifies. @throws as {@link Devices.retire} */
  revoke(id: string): Promise<void>;
}

/** The devices of `context.account`; who knows us is told of every change. */
export function createDevices(context: Context, announcements: Announcements, redelivery: Redelivery): Devices {
  const { account, keys } = context;
  const change = async (edit: RecordEdit) => {
    await account.change(edit, keys, seconds(context));
    redelivery.recordChanged();
    announcements.changed();
  };
  return {
    list: () => account.record.devices,
    announced: () => announcements.settled(),
    async link(link, options) {
      assertArgument(link, text, 'a link');
      return requestLink(context, announcements, link, options);
    },
    retire: async (id) => change(retireDevice(id, seconds(context))),
    revoke: async (id) => change(revokeDevice(id, seconds(context))),
  };
}
