import { fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { createEnvelopePool } from 'sealmq/workers';
import { openContext, opened, provider, sealDraft, sealed, sealKeys } from './fixture.js';
import { type Result, sideBySide } from './measure.js';
import type { Order } from './workers/alone.js';

/** Messages handed over in one turn. */
const BATCH = 256;

/** Sealing and opening in bulk on all cores beside one, and beside what these cores do together when nothing is handed over. */
export async function workers(): Promise<Result[]> {
  const cores = availableParallelism();
  const pool = createEnvelopePool({ provider, workers: cores });
  const alone = Array.from({ length: cores }, () => fork(new URL('./workers/alone.ts', import.meta.url)));
  const payload = new Uint8Array(1024).fill(65);
  const message = sealed(payload);
  const each = (work: () => unknown) => Array.from({ length: BATCH }, work);
  const together = (verb: Order['verb']) =>
    Promise.all(
      alone.map((child) => {
        const done = once(child, 'message');
        child.send({ verb, count: BATCH / cores } satisfies Order);
        return done;
      }),
    );
  const times = await sideBySide({
    'pool seal': () => Promise.all(each(() => pool.seal(sealDraft(payload), sealKeys))),
    'alone seal': () => together('seal'),
    seal: async () => each(() => sealed(payload)),
    'pool open': () => Promise.all(each(() => pool.open(message, openContext))),
    'alone open': () => together('open'),
    open: async () => each(() => opened(message)),
  });
  await pool.close();
  for (const child of alone) child.disconnect();
  const beside = 'one core';
  return (['seal', 'open'] as const).flatMap((verb) => {
    const line = (what: string, time: number): Result => {
      const perSecond = (BATCH * 1e6) / time;
      return { name: `${verb} 1 KiB ${what}`, value: perSecond, unit: 'msgs/s', beside, ratio: times[verb] / time };
    };
    return [
      line(`on ${cores} cores`, times[`pool ${verb}`]),
      line(`in ${cores} processes that share nothing`, times[`alone ${verb}`]),
    ];
  });
}
