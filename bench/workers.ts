import { fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { createEnvelopePool } from 'sealmq/workers';
import { openContext, opened, provider, sealDraft, sealed, sealKeys } from './fixture.js';
import { type Result, sideBySide } from './measure.js';
import type { Order } from './workers/alone.js';

/** Messages handed over in one turn: half a second of one core. With few of them the last ones, for which only one thread has work, count more. */
const BATCH = 2048;

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
  const works = {
    'pool seal': () => Promise.all(each(() => pool.seal(sealDraft(payload), sealKeys))),
    'alone seal': () => together('seal'),
    seal: async () => each(() => sealed(payload)),
    'pool open': () => Promise.all(each(() => pool.open(message, openContext))),
    'alone open': () => together('open'),
    open: async () => each(() => opened(message)),
  };
  const times = await sideBySide(works, BATCH);
  await pool.close();
  for (const child of alone) child.disconnect();
  const result = (name: string, time: number, beside: string, other: number): Result => {
    return { name, value: (BATCH * 1e6) / time, unit: 'msgs/s', beside, ratio: other / time };
  };
  return (['seal', 'open'] as const).flatMap((verb) => {
    const [one, inPool, apart] = [times[verb], times[`pool ${verb}`], times[`alone ${verb}`]];
    return [
      result(`${verb} 1 KiB on ${cores} cores`, inPool, 'one core', one),
      result(`${verb} 1 KiB in ${cores} processes that share nothing`, apart, 'one core', one),
      result(`${verb} 1 KiB on ${cores} cores`, inPool, `${cores} processes that share nothing`, apart),
    ];
  });
}
