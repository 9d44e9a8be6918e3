import { opened, sealed } from './fixture.js';
import { type Result, sideBySide } from './measure.js';
import { openPrimitives, sealPrimitives } from './primitives.js';
import { rivals } from './rivals.js';

const SIZES = [
  [100, '100 B'],
  [1024, '1 KiB'],
  [16_384, '16 KiB'],
] as const;

/** `seal` and `open` beside the primitives that they cannot do without. */
export async function envelopeBesidePrimitives(): Promise<Result[]> {
  const results: Result[] = [];
  for (const [size, label] of SIZES) {
    const payload = new Uint8Array(size).fill(65);
    const message = sealed(payload);
    const parts = sealPrimitives(payload);
    const times = await sideBySide({
      seal: () => sealed(payload),
      'seal primitives': () => sealPrimitives(payload),
      open: () => opened(message),
      'open primitives': () => openPrimitives(parts),
    });
    for (const verb of ['seal', 'open'] as const) {
      const ratio = times[verb] / times[`${verb} primitives`];
      results.push({ name: `${verb} ${label}`, value: times[verb], unit: 'µs', beside: 'primitives', ratio });
    }
  }
  return results;
}

/** `seal` and `open` beside other libraries doing the same job, and the bytes that each adds. Ratio: how often as fast. */
export async function envelopeBesideRivals(): Promise<Result[]> {
  const results: Result[] = [];
  const others = await rivals();
  for (const [size, label] of SIZES.slice(0, 2)) {
    const payload = new Uint8Array(size).fill(65);
    const message = sealed(payload);
    const overhead = message.length - size;
    results.push({ name: `bytes added ${label}`, value: overhead, unit: 'B' });
    for (const rival of others) {
      const theirs = await rival.seal(payload);
      const times = await sideBySide({
        seal: () => sealed(payload),
        'their seal': () => rival.seal(payload),
        open: () => opened(message),
        'their open': () => rival.open(theirs),
      });
      for (const verb of ['seal', 'open'] as const) {
        const ratio = times[`their ${verb}`] / times[verb];
        results.push({ name: `${verb} ${label}`, value: times[verb], unit: 'µs', beside: rival.name, ratio });
      }
      const added = theirs.length - size;
      results.push({
        name: `bytes added ${label}`,
        value: overhead,
        unit: 'B',
        beside: rival.name,
        ratio: added / overhead,
      });
    }
  }
  return results;
}
