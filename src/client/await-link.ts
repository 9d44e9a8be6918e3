import { run } from '../crypto/steps.js';
import { SealMQError } from '../errors.js';
import {
  acceptWelcome,
  answerOffer,
  expiryOf,
  linkText,
  readLinkStatement,
  startLink,
  type WaitingDevice,
} from '../protocol/identity/index.js';
import type { Parts } from './connect.js';
import { type Context, seconds } from './context.js';
import { sendControl } from './control.js';
import { takeOver } from './hand-over.js';
import { createPatience } from './patience.js';

/** How often a device that has not been let in by its broker tries again while it shows its link, in milliseconds. */
const KNOCK_EVERY = 2000;

/** How long a device that has just been linked waits for the broker to hand it everything, in milliseconds. */
const ARRIVAL = 10_000;

/** A new device while it shows its link. */
export interface DeviceLinking<Linked> {
  /** `sealmq:link/…`, for the device that holds the identity key: as text, or as a QR code. It is a secret while it holds. */
  readonly link: string;
  readonly expiresAt: Date;
  /** Six digits, once the other device has answered. It shows the same, or somebody is in between. */
  readonly digits: Promise<string>;
  /**
   * This device, once the other one has confirmed the digits.
   *
   * @throws `USAGE_LINK_EXPIRED`; `USAGE_CLOSED` after {@link cancel}
   */
  readonly linked: Promise<Linked>;
  /** Gives up, unless it is linked by now. The next attempt has the same keys, so an entry that was made for them holds. */
  cancel(): Promise<void>;
}

/**
 * The new device's side: link → offer → reveal, digits → welcome → the account is ours to use.
 *
 * @param name - for the record
 * @param ready - makes what `linked` resolves to
 */
export async function awaitLink<Linked>(
  parts: Parts,
  name: string | undefined,
  ready: (parts: Parts) => Linked,
): Promise<DeviceLinking<Linked>> {
  const { context } = parts;
  const { account, provider, links } = context;
  const details = { now: seconds(context), ...(name !== undefined && { name }) };
  const start = await run(startLink(provider, account.device, account.record, details));
  const [digits, linked] = [pending<string>(), pending<Linked>()];

  let over = false;
  const end = async (error: SealMQError) => {
    if (over) return;
    stop();
    digits.reject(error);
    linked.reject(error);
    await parts.close(0);
  };
  const listener = createListener(context, start, {
    onDigits: digits.resolve,
    onLinked() {
      stop();
      // Mail that is sealed to us from now on is to be queued for us.
      const arriving = parts.linked().catch((error) => context.events.emit('warning', error));
      void createPatience(ARRIVAL)
        .wait(arriving)
        .then(() => linked.resolve(ready(parts)));
    },
  });
  const stopListening = links.listen(listener);
  const remaining = expiryOf(start.link) * 1000 - context.now();
  const timer = setTimeout(() => void end(new SealMQError('USAGE_LINK_EXPIRED', 'the link has expired')), remaining);
  const knocking = setInterval(() => parts.knock(), KNOCK_EVERY);
  const stop = () => {
    over = true;
    clearTimeout(timer);
    clearInterval(knocking);
    stopListening();
  };
  return {
    link: linkText(start.link),
    expiresAt: new Date(expiryOf(start.link) * 1000),
    digits: digits.promise,
    linked: linked.promise,
    cancel: () => end(new SealMQError('USAGE_CLOSED', 'linking was given up')),
  };
}

/** Takes the statements of the other device in their order; what is not for this link is passed over, with a warning. */
function createListener(
  context: Context,
  start: WaitingDevice,
  { onDigits, onLinked }: { onDigits: (digits: string) => void; onLinked: () => void },
) {
  const { account, provider, keys } = context;
  let state = start;
  return async (statement: Uint8Array, speaker: string): Promise<void> => {
    if (readLinkStatement(statement).step === 'welcome') {
      const { record, shared } = await run(acceptWelcome(provider, state, statement));
      await keys.learn(account.address, record.bytes);
      if (shared) await takeOver(context, shared);
      await account.linked(record);
      return onLinked();
    }
    const answered = await run(answerOffer(provider, account.device, state, statement));
    if (!answered) throw new SealMQError('VERIFY_SIGNATURE');
    state = answered;
    // Shown before the nonce goes out: from then on the other side can show them too.
    onDigits(answered.answered.digits);
    await sendControl(context, account.address, speaker, { kind: 'link', statement: answered.answered.reveal });
  };
}

function pending<T>() {
  let [resolve, reject]: [(value: T) => void, (error: unknown) => void] = [() => {}, () => {}];
  const promise = new Promise<T>((settle, fail) => {
    [resolve, reject] = [settle, fail];
  });
  // Not everybody looks at both.
  promise.catch(() => {});
  return { promise, resolve, reject };
}
