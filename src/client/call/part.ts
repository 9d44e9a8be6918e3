import type { SealMQError } from '../../errors.js';
import { createPatience } from '../patience.js';
import type { Line } from './line.js';
import type { Ending } from './outcome.js';
import type { Teller } from './teller.js';
import type { Wayfinder } from './wayfinder.js';

/** How long the way stays open, at most, for the word that it is over, in milliseconds; and for the acknowledgement that that word has overtaken. */
const FAREWELL = 2_000;
const LAST_WORD = 5_000;

/** What a call that is over leaves behind. */
interface Remains {
  readonly line: Line | undefined;
  readonly teller: Teller;
  readonly wayfinder: Wayfinder;
}

/** Closes the line and the way of a call that is over, once both sides can have heard the last of it. */
export async function part({ line, teller, wayfinder }: Remains, ending: Ending, error: SealMQError): Promise<void> {
  // Their last acknowledgement may be slower than the word that it is over.
  const awaited = ending.reason === 'hangup' && ending.by === 'them' ? line?.ending : undefined;
  if (awaited) await createPatience(LAST_WORD).wait(awaited);
  line?.close(error);
  // They should hear that it is over before they see the way go.
  await createPatience(FAREWELL).wait(teller.told());
  // Without the broker they hear it by this way alone, and a stack that is closed drops what it has not sent.
  if (teller.waits) await new Promise((resolve) => setTimeout(resolve, FAREWELL));
  await wayfinder.close();
}
