import type { CryptoProvider } from '../../crypto/provider.js';
import type { Steps } from '../../crypto/steps.js';
import type { Party } from '../../protocol/call/keys.js';
import type { Standing } from '../../protocol/call/line.js';
import type { HandshakeContext, ReceivedFrame } from '../../protocol/call/state.js';
import type { Rejection } from '../rejection.js';

/** A frame that was sealed to us and verified, with its time and nonce. */
export interface OpenedFrame extends ReceivedFrame {
  /** The message that it came in. */
  readonly sealed: Uint8Array;
  /** The message's id, 16 bytes. */
  readonly id: Uint8Array;
  /** Seconds. */
  readonly issuedAt: number;
}

/** What the calls of one messenger need of the world: time, identities, and a way out. */
export interface CallPort {
  readonly provider: CryptoProvider;
  /** Our address. */
  readonly address: string;
  /** Milliseconds of directory time, which frames are stamped with and judged by. */
  now(): number;
  /** Our side of a handshake: the keys that this device has now, for as long as the call lasts. */
  handshake(): Steps<HandshakeContext>;
  /**
   * Whom a dial to `address` is for.
   *
   * @throws `USAGE_INVALID_ADDRESS`, `USAGE_CONTACT_BLOCKED`, `DIRECTORY_` codes
   */
  reach(address: string): Promise<Pick<Party, 'address' | 'identity'>>;
  /** What they are to us; `verified` where people have compared that identity of that address. */
  standing(party: Pick<Party, 'address' | 'identity'>): Standing;
  /** Opens and verifies what came, or says why not; `undefined` for what was sealed to other devices. */
  open(bytes: Uint8Array): Promise<OpenedFrame | { readonly rejection: Rejection } | undefined>;
  /** Publishes a record on the topic `signal` of `address`, QoS 1. @throws `TRANSPORT_CLOSED` */
  publish(address: string, bytes: Uint8Array): Promise<void>;
  /**
   * Tells a frame: likewise, or by the relay.
   *
   * @param wakes - whoever is away is to be woken for it
   * @throws `TRANSPORT_` codes; by the relay also `DIRECTORY_NOT_FOUND` when nobody is registered there
   */
  tell(address: string, frame: Uint8Array, wakes: boolean): Promise<void>;
  /** This device hears the dial in `sealed`: it need not be woken for that. */
  heard(sealed: Uint8Array): void;
}
