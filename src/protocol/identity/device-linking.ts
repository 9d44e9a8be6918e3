import { equal } from '../../bytes/bytes.js';
import { encodePublicKey } from '../../cose/key.js';
import type { CryptoProvider, PrivateKey } from '../../crypto/provider.js';
import { type Steps, step } from '../../crypto/steps.js';
import { SealMQError } from '../../errors.js';
import { type DeviceEntry, type DeviceKeys, enterDevice, isCurrent, verifyProof } from './device.js';
import {
  type DeviceLink,
  expiryOf,
  type LinkStatement,
  linkDigits,
  makeLink,
  parseLink,
  readLinkStatement,
  signLinkStatement,
  verifyLinkStatement,
} from './device-link.js';
import { type KeyRecord, verifyRecord } from './record.js';

/**
 * The two roles of linking a device. The new one shows a link; the one with the identity key offers, the new one reveals,
 * both show the digits; after a person has compared them the record is published, and the new device is welcomed.
 */

/** Length of a nonce in bytes. */
const NONCE_BYTES = 32;

/** A new device that shows a link. A value: the functions answer a new one. */
export interface WaitingDevice {
  readonly link: DeviceLink;
  /** SHA-256 of the link. */
  readonly hash: Uint8Array;
  /** What the link's secret is the hash of. */
  readonly nonce: Uint8Array;
  /** Thumbprint of the identity key that the device has proved its keys for. */
  readonly identity: Uint8Array;
  /** The one offer that this link was answered with, and what came of it. */
  readonly answered?: { readonly offer: Uint8Array; readonly reveal: Uint8Array; readonly digits: string };
}

/**
 * A link for the device with `keys`, to be entered into the account of `record`. That record came from a directory, which may
 * lie: then the proof is for the wrong identity, and the other device refuses the link.
 */
export function* startLink(
  provider: CryptoProvider,
  keys: DeviceKeys,
  { address, identity }: Pick<KeyRecord, 'address' | 'identity'>,
  { now, name }: { now: number; name?: string },
): Steps<WaitingDevice> {
  const details = { notBefore: now, ...(name !== undefined && { name }) };
  const device = yield* enterDevice(provider, keys, { address, identity }, details);
  const nonce = provider.randomBytes(NONCE_BYTES).slice();
  const link = makeLink({ address, secret: yield* step(provider.sha256(nonce)), device });
  return { link, hash: yield* step(provider.sha256(link.bytes)), nonce, identity };
}

/**
 * Takes an offer: reveals the nonce, and knows the digits. A link is answered once. The same offer again is answered with the
 * same words, another one not at all, or whoever makes it could choose the digits.
 *
 * @returns the state with `answered`, or `undefined` for a second offer
 * @throws {@link SealMQError} `DECODE_` codes, `VERIFY_SIGNATURE` for what is no offer to this link
 */
export function* answerOffer(
  provider: CryptoProvider,
  keys: DeviceKeys,
  state: WaitingDevice,
  offer: Uint8Array,
): Steps<Required<WaitingDevice> | undefined> {
  const { answered } = state;
  if (answered) return equal(answered.offer, offer) ? { ...state, answered } : undefined;
  const { nonce: offerNonce } = yield* fromIdentity(provider, state, 'offer', offer);
  const reveal = yield* signLinkStatement(provider, keys.signKey, state.hash, { step: 'reveal', nonce: state.nonce });
  const { hash, identity, nonce: revealNonce } = state;
  const digits = yield* linkDigits(provider, { hash, identity, offerNonce, revealNonce });
  return { ...state, answered: { offer, reveal, digits } };
}

/** What the new device is given in the end. */
export interface Welcome {
  /** The account's record, with the device in it. */
  readonly record: KeyRecord;
  readonly shared?: Uint8Array;
}

/**
 * Takes the welcome.
 *
 * @throws {@link SealMQError} `DECODE_` codes, `VERIFY_SIGNATURE` for what is no welcome to this link or has a record without
 *   this device
 */
export function* acceptWelcome(provider: CryptoProvider, state: WaitingDevice, bytes: Uint8Array): Steps<Welcome> {
  // Nobody is welcomed who has not shown digits: or they would not have been compared.
  if (!state.answered) throw new SealMQError('VERIFY_SIGNATURE');
  const { known, shared } = yield* fromIdentity(provider, state, 'welcome', bytes);
  if (!hasEntry(known, state.link.device)) throw new SealMQError('VERIFY_SIGNATURE');
  return { record: known, ...(shared && { shared }) };
}

/** A statement by the identity key that our proof is for. */
function* fromIdentity<S extends 'offer' | 'welcome'>(
  provider: CryptoProvider,
  { link, hash, identity }: WaitingDevice,
  wanted: S,
  bytes: Uint8Array,
): Steps<Extract<LinkStatement, { step: S }> & { readonly known: KeyRecord }> {
  const statement = readLinkStatement(bytes);
  if (statement.step !== wanted || !('record' in statement)) throw new SealMQError('VERIFY_SIGNATURE');
  const known = yield* verifyRecord(provider, statement.record);
  const ours = known.address === link.address && equal(known.identity, identity);
  if (!ours || !(yield* verifyLinkStatement(provider, known.identityKey, hash, bytes))) {
    throw new SealMQError('VERIFY_SIGNATURE');
  }
  return { ...(statement as Extract<LinkStatement, { step: S }>), known };
}

/** A link that the identity key has answered. */
export interface OfferedLink {
  readonly link: DeviceLink;
  readonly hash: Uint8Array;
  readonly identity: Uint8Array;
  readonly nonce: Uint8Array;
  /** The signed offer, for the new device. */
  readonly offer: Uint8Array;
}

/**
 * Answers a link.
 *
 * @throws {@link SealMQError} `DECODE_LINK`, `DECODE_TOO_LARGE`; `USAGE_LINK_EXPIRED`; `USAGE_INVALID_ARGUMENT` when it is for
 *   another address; `VERIFY_SIGNATURE` when the device does not prove its keys for this very identity
 */
export function* offerLink(
  provider: CryptoProvider,
  identityKey: PrivateKey,
  record: KeyRecord,
  { text, now }: { text: string; now: number },
): Steps<OfferedLink> {
  const link = parseLink(text);
  const { device } = link;
  if (!isCurrent(device)) throw new SealMQError('DECODE_LINK', 'the device in the link is not active');
  if (link.address !== record.address) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', `the link is for ${link.address}, not for ${record.address}`);
  }
  if (expiryOf(link) <= now) throw new SealMQError('USAGE_LINK_EXPIRED', 'the link has expired: let it show a new one');
  if (!(yield* verifyProof(provider, device, record))) throw new SealMQError('VERIFY_SIGNATURE');
  const hash = yield* step(provider.sha256(link.bytes));
  const nonce = provider.randomBytes(NONCE_BYTES).slice();
  const statement = { step: 'offer', nonce, record: record.bytes } as const;
  const offer = yield* signLinkStatement(provider, identityKey, hash, statement);
  return { link, hash, identity: record.identity, nonce, offer };
}

/** The digits, once the new device has revealed its nonce. @throws {@link SealMQError} `DECODE_` codes, `VERIFY_SIGNATURE` */
export function* checkReveal(provider: CryptoProvider, offered: OfferedLink, bytes: Uint8Array): Steps<string> {
  const { link, hash, identity, nonce: offerNonce } = offered;
  const statement = readLinkStatement(bytes);
  const valid = yield* verifyLinkStatement(provider, link.device.signKey, hash, bytes);
  if (!valid || statement.step !== 'reveal') throw new SealMQError('VERIFY_SIGNATURE');
  const { nonce: revealNonce } = statement;
  if (!equal(yield* step(provider.sha256(revealNonce)), link.secret)) throw new SealMQError('VERIFY_SIGNATURE');
  return yield* linkDigits(provider, { hash, identity, offerNonce, revealNonce });
}

/** Welcomes the new device with the record that has it. `shared` is for the application. */
export function welcomeDevice(
  provider: CryptoProvider,
  identityKey: PrivateKey,
  { hash }: OfferedLink,
  { record, shared }: Welcome,
): Steps<Uint8Array> {
  const statement = { step: 'welcome', record: record.bytes, ...(shared && { shared }) } as const;
  return signLinkStatement(provider, identityKey, hash, statement);
}

/** Whether `devices` has `device` as an entry in use: the same id with the same keys. */
export function hasEntry({ devices }: Pick<KeyRecord, 'devices'>, device: DeviceEntry): boolean {
  const isSame = (a: DeviceEntry['signKey'], b: DeviceEntry['signKey']) =>
    equal(encodePublicKey(a), encodePublicKey(b));
  return devices.some(
    (entry) =>
      entry.id === device.id &&
      isCurrent(entry) &&
      isSame(entry.signKey, device.signKey) &&
      isSame(entry.sealKey, device.sealKey),
  );
}
