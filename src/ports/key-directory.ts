import type { Notice } from '../protocol/directory/admission.js';
import type { Registrar } from './registrar.js';

/** What a directory answers to a look-up; where it is a server, its signed statement has been verified already. */
export type DirectoryAnswer =
  /** The encoded key record (a COSE_Sign1), not verified yet: that is the identity layer's work. */
  | { readonly kind: 'record'; readonly record: Uint8Array; readonly maxAge: number }
  /** The record whose hash was handed in is still the current one. */
  | { readonly kind: 'unchanged'; readonly maxAge: number }
  /** The directory states that nobody has claimed the address. */
  | { readonly kind: 'none'; readonly maxAge: number };

/**
 * Where public keys are found: an HTTP service, a static set for tests and pre-provisioned fleets, or what an application
 * brings. A `KeyCache` stands in front of it, so an implementation neither caches nor retries. `maxAge` is in seconds.
 */
export interface KeyDirectory {
  /**
   * Asks for the record of `address` (checked syntactically before).
   *
   * @param knownHash - SHA-256 of the encoded record at hand, for a conditional request
   * @throws `DIRECTORY_UNREACHABLE`, `DIRECTORY_RATE_LIMITED` for passing faults; `DIRECTORY_BAD_ANSWER`, `DIRECTORY_STALE`,
   *   `DIRECTORY_KEY_CHANGED` for an answer that does not verify
   */
  lookup(address: string, knownHash?: Uint8Array): Promise<DirectoryAnswer>;

  /**
   * Publishes an encoded record of one's own; a repetition of the current one is accepted.
   *
   * @throws `DIRECTORY_CONFLICT` when the address is claimed by another identity or the version does not follow,
   *   `DIRECTORY_REFUSED` when the claim policy says no, `DIRECTORY_RATE_LIMITED`, `DIRECTORY_UNREACHABLE`
   */
  publish(address: string, record: Uint8Array): Promise<void>;

  /** Directory time in milliseconds, signed over a fresh nonce; `undefined` where the directory has none (static). */
  time(): Promise<number | undefined>;

  /** Where addresses are registered by a code; absent where there is no such service. */
  readonly registrar?: Registrar;

  /** Tokens for a broker, where this is the kind of directory that can have them. */
  readonly tokens?: TokenDesk;

  /** Releases connections. */
  close(): Promise<void>;
}

/** The part of a directory that hands out tokens for a broker. */
export interface TokenDesk {
  /**
   * A challenge to sign, `undefined` when this directory hands out no tokens.
   *
   * @throws `DIRECTORY_UNREACHABLE`, `DIRECTORY_RATE_LIMITED`, `DIRECTORY_BAD_ANSWER`, `DIRECTORY_KEY_CHANGED`
   */
  challenge(): Promise<Uint8Array | undefined>;

  /**
   * A token for a signed request (`signTokenRequest`), for how many seconds it holds, and the MQTT user name that belongs to it.
   *
   * @throws `DIRECTORY_NOT_FOUND` when the address is not registered, `DIRECTORY_REFUSED` when the device is not in its record,
   *   `DIRECTORY_CONFLICT` when the client id is another device's, otherwise as {@link challenge}
   */
  token(
    request: Uint8Array,
  ): Promise<{ readonly token: string; readonly expiresIn: number; readonly username: string }>;

  /**
   * Hands in a voucher (`signVoucher`) for a device that is to be linked: it can have tokens for ten minutes.
   *
   * @throws `DIRECTORY_REFUSED` when it is not the identity key's, otherwise as {@link token}
   */
  vouch(voucher: Uint8Array): Promise<void>;

  /** What a broker's notice says. @throws `DIRECTORY_BAD_ANSWER`, `DIRECTORY_KEY_CHANGED`, `DIRECTORY_UNREACHABLE` */
  readNotice(bytes: Uint8Array): Promise<Notice>;
}
