import { SealMQError } from '../../errors.js';
import { assertAddress } from '../../protocol/address.js';
import { type Admit, assertAdmit } from './admission.js';
import type { RoomContext } from './context.js';
import { hasKeys } from './members.js';

/** Most addresses on a roster. */
const MAX_EXPECTED = 1024;

/** Who is expected in a room, and who of them is not there. */
export interface Roster {
  /** Expected addresses of which no device has exchanged keys with us. */
  readonly absent: readonly string[];
  /** Tells what has changed. */
  look(): void;
  /** A device of this address is gone. */
  departed(address: string): void;
}

interface Absence {
  /** Milliseconds of the room's live clock. */
  readonly since: number;
  told: boolean;
}

export function createRoster(context: RoomContext, expected: readonly string[]): Roster {
  const { members, events, clock, timing } = context;
  const absences = new Map<string, Absence>();
  for (const address of expected) absences.set(address, { since: clock.now(), told: false });
  absences.delete(context.port.self.address);
  const others = [...absences.keys()];

  function look(): void {
    if (others.length === 0) return;
    const wasComplete = absences.size === 0;
    const there = new Set<string>();
    for (const member of members.all()) if (hasKeys(member)) there.add(member.peer.address);
    for (const address of others) {
      if (there.has(address)) absences.delete(address);
      else if (!absences.has(address)) absences.set(address, { since: clock.now(), told: false });
    }
    for (const [address, absence] of absences) {
      if (!absence.told && clock.now() - absence.since >= timing.goneAfter) tell(address, absence);
    }
    if (!wasComplete && absences.size === 0) events.emit('assembled', { addresses: others });
  }

  function tell(address: string, absence: Absence): void {
    absence.told = true;
    events.emit('absent', { address });
  }

  return {
    get absent() {
      return [...absences.keys()];
    },
    look,
    departed(address) {
      look();
      const absence = absences.get(address);
      if (absence && !absence.told) tell(address, absence);
    },
  };
}

/** Who may be in the room, and who is expected: `admit` is by default the roster. @throws `USAGE_INVALID_ARGUMENT`, `USAGE_INVALID_ADDRESS` */
export function guestList(
  admit: Admit | undefined,
  roster: readonly string[] = [],
): { readonly admit: Admit; readonly roster: readonly string[] } {
  for (const address of roster) assertAddress(address);
  if (roster.length > MAX_EXPECTED) throw invalid(`a roster has at most ${MAX_EXPECTED} addresses`);
  if (admit === undefined && roster.length === 0) throw invalid('say who may be in the room: admit, or a roster');
  const admitted = admit === undefined ? roster : admit;
  assertAdmit(admitted);
  const stranger = isList(admitted) && roster.find((address) => !admitted.includes(address));
  if (stranger) throw invalid(`${stranger} is on the roster, but not admitted`);
  return { admit: admitted, roster };
}

const isList = (admit: Admit): admit is readonly string[] => Array.isArray(admit);

function invalid(reason: string): SealMQError {
  return new SealMQError('USAGE_INVALID_ARGUMENT', reason);
}
