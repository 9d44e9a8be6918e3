import type { SealMQError } from '../errors.js';
import { MESSAGE_ID_BYTES } from '../protocol/envelope/claims.js';
import { type Control, decodeControl } from '../protocol/envelope/control.js';
import type { Announcements } from './announcements.js';
import type { Context } from './context.js';
import type { Latest } from './latest.js';
import type { Reception } from './reception.js';
import type { Redelivery } from './redelivery.js';
import type { Seen } from './seen.js';

/** Which part acts on which kind of control message of a device. */
type ControlHandlers = {
  readonly [Kind in Control['kind']]: (
    from: string,
    device: string,
    control: Extract<Control, { kind: Kind }>,
  ) => Promise<void>;
};

/** The parts that act on control messages. */
export interface ControlReception {
  readonly seen: Seen;
  readonly redelivery: Redelivery;
  readonly announcements: Announcements;
  readonly latest: Latest;
}

/** Stands for the will itself where only its version is known: no will has this id. */
const NO_ID = new Uint8Array(MESSAGE_ID_BYTES);

/** Family `control`: what devices say of messages is acted on, then forgotten. */
export function settleControl(
  context: Context,
  { seen, redelivery, announcements, latest }: ControlReception,
): Reception {
  const handlers: ControlHandlers = {
    receipt: redelivery.receipt,
    resend: redelivery.resend,
    refuse: redelivery.refuse,
    async skip(from, device, { stream, ranges, reason }) {
      const numbering = { from, device, stream };
      for (const range of await seen.skip(numbering, ranges)) {
        context.events.emit('lost', { ...numbering, range, reason });
      }
    },
    async withdraw(from, device, { channel, version }) {
      const origin = { family: 'will' as const, from, device, channel };
      const withdrawn = { version, id: NO_ID };
      if (latest.judge(origin, withdrawn) === 'new') await context.commit([latest.keep(origin, withdrawn)]);
    },
    record: (from, _device, { record }) => announcements.learn(from, record),
    async link(from, device, { statement }) {
      if (from === context.account.address) await context.links.take(statement, device);
    },
  };
  return async ({ message: { from, device, payload }, expired, drop }) => {
    if (expired) return drop({ reason: 'expired', from });
    let control: Control;
    try {
      control = decodeControl(payload);
    } catch (error) {
      return drop({ reason: 'malformed', from, error: error as SealMQError });
    }
    // A guest is heard on its link only.
    if (control.kind !== 'link' && device !== undefined && context.links.isGuest(device)) {
      return drop({ reason: 'unknown-key', from });
    }
    const handle = handlers[control.kind] as (from: string, device: string, control: Control) => Promise<void>;
    // A control message is never worth a second try: receipts are cumulative, and requests are repeated.
    if (device !== undefined) {
      await handle(from, device, control).catch((error: SealMQError) => context.events.emit('warning', error));
    }
    drop();
  };
}
