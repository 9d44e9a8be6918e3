import type { KeyBounds } from '../../protocol/room/own-key.js';
import type { PresenceTiming } from '../../protocol/room/peer.js';
import type { Events } from '../events.js';
import type { Admission } from './admission.js';
import type { RoomEvents } from './events.js';
import type { LiveClock } from './live-clock.js';
import type { Member, Members } from './members.js';
import type { RoomPort } from './port.js';
import type { Quietly } from './quietly.js';

/** What the parts of one room's session share. */
export interface RoomContext {
  readonly room: string;
  readonly port: RoomPort;
  readonly events: Events<RoomEvents>;
  /** What only parts of the session hear: a member gave us a key. */
  readonly keys: Events<{ learnt: Member }>;
  readonly members: Members;
  readonly admission: Admission;
  /** For presence; everything else goes by `port.now()`. */
  readonly clock: LiveClock;
  /** When we joined, in milliseconds. */
  readonly since: number;
  readonly invitation: Uint8Array | undefined;
  /** Whether frames and heartbeats are signed, and taken with a signature only. */
  readonly signatures: boolean;
  readonly timing: PresenceTiming;
  /** For what nobody waits for. */
  readonly quietly: Quietly;
  readonly bounds: KeyBounds;
}
