import { decodeCbor, encodeCbor } from '../../bytes/cbor.js';
import { isBytes, isMap, present, readFields, toMap } from '../../bytes/fields.js';
import { decodeSign1, type Sign1 } from '../../cose/sign1.js';
import type { CryptoProvider, PrivateKey } from '../../crypto/provider.js';
import type { Steps } from '../../crypto/steps.js';
import { SealMQError } from '../../errors.js';
import { isAddress } from '../address.js';
import { findDevice } from '../identity/account.js';
import { type DeviceEntry, deviceKid, deviceMap, isCurrent, readDevice } from '../identity/device.js';
import { type KeyRecord, MAX_RECORD_BYTES } from '../identity/record.js';
import { sign, verify } from '../signed.js';

/**
 * How a device that is to be linked comes to a broker that admits by token, although no record has it yet: the identity key
 * of its account vouches for it. The directory then gives it tokens for the topic that linking takes, for ten minutes.
 */

/** What the identity key signs. */
export interface Voucher {
  /** A challenge of the directory, as it came. */
  readonly challenge: Uint8Array;
  readonly address: string;
  /** The entry in the link. */
  readonly device: DeviceEntry;
  /** For an anonymous address, which the directory does not know: its Info OK and its key record. */
  readonly infoOk?: Uint8Array;
  readonly record?: Uint8Array;
}

/** A voucher on its word alone. */
export interface SignedVoucher extends Voucher {
  readonly message: Sign1;
}

/** How long a voucher is good for, in seconds, from when the directory has it: as long as a link. */
export const VOUCHER_LIFE = 600;

/** Largest voucher in bytes: a key record, an Info OK, an entry (with RSA keys and its proof some 2 KiB), and what is around them. */
export const MAX_VOUCHER_BYTES = MAX_RECORD_BYTES + 16_384;

/** Stands before the address in the MQTT user name of a guest: rules that are made of user names then give it nothing. */
const GUEST_PREFIX = 'guest:';

/** The MQTT user name of a guest of `address`. */
export const guestName = (address: string): string => GUEST_PREFIX + address;

/** Whose guest goes by that MQTT user name; `undefined` for one that is no guest's. */
export function hostOf(userName: string): string | undefined {
  return userName.startsWith(GUEST_PREFIX) ? userName.slice(GUEST_PREFIX.length) : undefined;
}

/** Signs a voucher with the identity key. */
export function signVoucher(provider: CryptoProvider, identityKey: PrivateKey, voucher: Voucher): Steps<Uint8Array> {
  const payload = encodeCbor(toMap({ ...voucher, device: deviceMap(voucher.device) }));
  return sign(provider, identityKey, { purpose: 'guest', payload });
}

/** Reads a voucher; nothing of it is verified. @throws {@link SealMQError} `DECODE_CBOR`, `DECODE_COSE`, `DECODE_CLAIMS`, `DECODE_RECORD`, `DECODE_KEY` */
export function readVoucher(bytes: Uint8Array): SignedVoucher {
  const message = decodeSign1(bytes);
  const fields = readFields(decodeCbor(message.payload ?? new Uint8Array(0)), 'DECODE_CLAIMS', 'voucher');
  return present({
    message,
    challenge: fields.required('challenge', isBytes),
    address: fields.required('address', isAddress),
    device: readDevice(fields.required('device', isMap)),
    infoOk: fields.optional('infoOk', isBytes),
    record: fields.optional('record', isBytes),
  });
}

/**
 * Makes sure that the identity key of `record` vouches for a device that could be entered into it.
 *
 * @param record - the current one of the address that the voucher names, or that was proven to be one of it
 * @throws {@link SealMQError} `DIRECTORY_REFUSED`, which does not say what is wrong
 */
export function* verifyVoucher(
  provider: CryptoProvider,
  { message, address, device }: SignedVoucher,
  record: KeyRecord,
): Steps<void> {
  // Under an id that is taken it would be held for another device, and a revoked one does not come back as a guest.
  const isTaken = record.devices.some(({ id }) => id === device.id);
  const isKnown = (yield* findDevice(provider, record, yield* deviceKid(provider, device))) !== undefined;
  const isNew = isCurrent(device) && !isTaken && !isKnown;
  const isOurs =
    record.address === address && (yield* verify(provider, record.identityKey, message, { purpose: 'guest' }));
  if (!isNew || !isOurs)
    throw new SealMQError('DIRECTORY_REFUSED', `the identity key of ${address} does not vouch for this`);
}
