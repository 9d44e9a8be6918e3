import type { DeviceKeys } from '../../src/protocol/identity/device.js';
import { type Account, createRelayAccount } from '../../src/protocol/identity/index.js';
import { type HandIn, type OpenedHandIn, openHandIn, sealHandIn } from '../../src/protocol/relay/index.js';
import { native } from '../envelope/parties.js';
import { NOW, now } from '../identity/accounts.js';

/** A relay's account. */
export function relayAccount(): Account {
  return now(createRelayAccount(native, { now: NOW }));
}

/** What Alice says of a message for Bob and Carol. */
export function statement(relay: Account, changes: Partial<HandIn> = {}): Omit<HandIn, 'message'> {
  return {
    relay: relay.record.identity,
    sender: 'alice',
    receivers: ['bob', 'carol'],
    issuedAt: NOW,
    nonce: native.randomBytes(16).slice(),
    ...changes,
  };
}

/** Hands in, signed by `sender`. */
export function handIn(
  sender: { readonly device: DeviceKeys },
  relay: Account,
  sealed: Uint8Array,
  content: Omit<HandIn, 'message'> = statement(relay),
): Uint8Array {
  const keys = { signKey: sender.device.signKey, relay: [relay.device.sealKey.publicKey] };
  return now(sealHandIn(native, content, sealed, keys));
}

/** Opens as `relay`. */
export function opening(bytes: Uint8Array, { device, record }: Account) {
  return now(openHandIn(native, bytes, { sealKeys: [device.sealKey], identity: record.identity }));
}

/** What was handed in. */
export function opened(bytes: Uint8Array, relay: Account): OpenedHandIn {
  const outcome = opening(bytes, relay);
  if (outcome.kind !== 'opened') throw new TypeError(outcome.kind);
  return outcome.handIn;
}
