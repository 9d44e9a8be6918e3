import { availableParallelism } from 'node:os';
import { createEnvelopePool } from 'sealmq/workers';
import { openContext, opened, provider, sealDraft, sealed, sealKeys } from './fixture.js';
import { type Result, sideBySide } from './measure.js';

/** Messages handed over in one turn. */
const BATCH = 256;

/** Sealing and opening in bulk on all cores beside one. */
export async function workers(): Promise<Result[]> {
  const cores = availableParallelism();
  const pool = createEnvelopePool({ provider, workers: cores });
  const payload = new Uint8Array(1024).fill(65);
  const message = sealed(payload);
  const each = (work: () => unknown) => Array.from({ length: BATCH }, work);
  const times = await sideBySide({
    'pool seal': () => Promise.all(each(() => pool.seal(sealDraft(payload), sealKeys))),
    seal: async () => each(() => sealed(payload)),
    'pool open': () => Promise.all(each(() => pool.open(message, openContext))),
    open: async () => each(() => opened(message)),
  });
  await pool.close();
  return (['seal', 'open'] as const).map((verb) => ({
    name: `${verb} 1 KiB on ${cores} cores`,
    value: (BATCH * 1e6) / times[`pool ${verb}`],
    unit: 'msgs/s',
    beside: 'one core',
    ratio: times[verb] / times[`pool ${verb}`],
  }));
}
