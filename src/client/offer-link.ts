import { present } from '../bytes/fields.js';
import { run } from '../crypto/steps.js';
import { isSealMQError, SealMQError } from '../errors.js';
import {
  addDevice,
  checkReveal,
  type DeviceEntry,
  expiryOf,
  hasEntry,
  type OfferedLink,
  offerLink,
  type RecordEdit,
  welcomeDevice,
} from '../protocol/identity/index.js';
import type { Announcements } from './announcements.js';
import { type Context, seconds } from './context.js';
import { publishControl } from './control.js';
import { handOver } from './hand-over.js';
import { createPatience } from './patience.js';

/** How long the new device may take to answer, in milliseconds. */
const PATIENCE = 60_000;

/** After how many milliseconds without an answer the offer goes out again: the new device may not be connected yet. */
const REPEAT_AFTER = 2000;

/** How long the new device waits until those who know us have heard of it, in milliseconds. */
const NEWS_FIRST = 3000;

/** How a link is answered. */
export interface LinkOptions {
  /** Milliseconds that the new device may take to answer; default 60,000. */
  readonly timeout?: number;
  /** Whether the new device is given our contacts: keys, verified marks, blocks (default). */
  readonly contacts?: boolean;
}

/** A new device that is ready to be linked. */
export interface LinkRequest {
  /** The entry that it asks for. */
  readonly device: DeviceEntry;
  /** Six digits. The new device shows the same, or somebody is in between: a person must compare them before {@link confirm}. */
  readonly digits: string;
  /**
   * The digits are the same: publishes the record with the new device in it, and welcomes it. May be repeated when it failed.
   *
   * @throws `USAGE_LINK_EXPIRED`, `DIRECTORY_` and `TRANSPORT_` codes
   */
  confirm(): Promise<void>;
}

/**
 * The side with the identity key: link → offer → reveal → digits → (a person compares them) → record → welcome.
 *
 * When the new device is in the record already, because a welcome was lost, it is only welcomed.
 *
 * A broker that admits by token lets the new device in as a guest, for the identity key has vouched for it at the directory.
 *
 * @throws what `offerLink` throws; `USAGE_NO_IDENTITY_KEY`; `USAGE_INVALID_ARGUMENT` when the device's id or place is taken;
 *   `TRANSPORT_TIMEOUT` when the new device does not answer, which it does once for each link; `DIRECTORY_` codes
 */
export async function requestLink(
  context: Context,
  announcements: Announcements,
  text: string,
  { timeout = PATIENCE, contacts = true }: LinkOptions = {},
): Promise<LinkRequest> {
  const { account, provider, keys } = context;
  const offered = await run(offerLink(provider, account.identityKey, account.record, { text, now: seconds(context) }));
  const { device } = offered.link;
  // What could not be entered later is refused before anybody compares digits.
  if (!hasEntry(account.record, device)) {
    addDevice(device)(account.record.devices);
    await context.admission?.vouch(device);
  }
  const digits = await exchange(context, offered, timeout);
  return {
    device,
    digits,
    async confirm() {
      const now = seconds(context);
      if (expiryOf(offered.link) <= now) throw new SealMQError('USAGE_LINK_EXPIRED', 'the link has expired');
      // The directory may have it although this process died before it was told so.
      const enter: RecordEdit = (devices) => (hasEntry({ devices }, device) ? devices : addDevice(device)(devices));
      if (!hasEntry(account.record, device)) await account.change(enter, keys, now);
      announcements.changed();
      // Before it, or what somebody sends because it is here would be sealed to our other devices only.
      await createPatience(NEWS_FIRST).wait(announcements.settled());
      const shared = await handOver(context, { contacts });
      const given = present({ record: account.record, shared });
      const welcome = await run(welcomeDevice(provider, account.identityKey, offered, given));
      await publishControl(context, account.address, [device], { kind: 'link', statement: welcome });
    },
  };
}

/** Sends the offer, again and again, which is answered in the same way each time; waits for the nonce that the link commits to. */
async function exchange(context: Context, offered: OfferedLink, timeout: number): Promise<string> {
  const { account, provider, links } = context;
  const { device } = offered.link;
  const leave = await links.admit(provider, device);
  let stop = () => {};
  let timer: ReturnType<typeof setTimeout> | undefined;
  let repeat: ReturnType<typeof setInterval> | undefined;
  const offer = () => publishControl(context, account.address, [device], { kind: 'link', statement: offered.offer });
  try {
    const digits = new Promise<string>((resolve, reject) => {
      stop = links.listen(async (statement, speaker) => {
        if (speaker !== device.id) return;
        resolve(await run(checkReveal(provider, offered, statement)));
      });
      const late = () => reject(new SealMQError('TRANSPORT_TIMEOUT', 'the new device does not answer to this link'));
      timer = setTimeout(late, timeout);
    });
    digits.catch(() => {});
    // We may not be connected yet: what does not go out now does so the next time.
    await offer().catch((error: unknown) => {
      if (!isSealMQError(error, 'TRANSPORT_CLOSED')) throw error;
    });
    repeat = setInterval(() => void offer().catch(() => {}), REPEAT_AFTER);
    return await digits;
  } finally {
    clearTimeout(timer);
    clearInterval(repeat);
    stop();
    leave();
  }
}
