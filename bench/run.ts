/**
 * `npm run bench -- [--json] [NAME…]`: measures the named benchmarks (all without a name). Ratios are taken in one run,
 * side by side; `--json` prints one object a line, `--write` also writes bench/RESULTS.md.
 */
import { writeFileSync } from 'node:fs';
import { connecting } from './calls/connecting.js';
import { talking } from './calls/talking.js';
import { delivery, latency } from './delivery.js';
import { directory } from './directory.js';
import { envelopeBesidePrimitives, envelopeBesideRivals } from './envelope.js';
import { footprint } from './footprint.js';
import { machine, type Result } from './measure.js';
import { registration } from './registration.js';
import { relay } from './relay.js';
import { frames, membership } from './rooms.js';
import { workers } from './workers.js';

const BENCHMARKS: Readonly<Record<string, { title: string; run: () => Promise<Result[]> }>> = {
  primitives: {
    title: 'Sealing beside the node:crypto calls it must do (ratio: time, 1 is the limit)',
    run: envelopeBesidePrimitives,
  },
  rivals: {
    title: 'Sealing beside other libraries (ratio: theirs to ours, above 1 we win)',
    run: envelopeBesideRivals,
  },
  footprint: { title: 'Memory and disk', run: footprint },
  workers: { title: 'In bulk on all cores (ratio: messages per second)', run: workers },
  directory: { title: 'Key directory (ratio: ours to the bare thing, 1 is the limit)', run: directory },
  registration: { title: 'Registration by a code, and the Bloom filter', run: registration },
  delivery: { title: 'End to end in processes of their own (ratio: ours to the other, 1 is the limit)', run: delivery },
  relay: { title: 'One hand-in for many receivers (ratio: time, to each alone)', run: relay },
  frames: { title: 'Frames of a room beside AES-256-GCM (ratio: time, 1 is the limit)', run: frames },
  membership: { title: 'Rooms in the simulator: a join, and a frame, by the number of members', run: membership },
  connecting: { title: 'From call() to the first message (ratio: time, to the bare connection)', run: connecting },
  talking: { title: 'Messages of a call beside the bare data channel (ratio: messages per second)', run: talking },
  latency: { title: 'Latency, one way (ratio: time, 1 is the limit)', run: latency },
};

const args = process.argv.slice(2);
const json = args.includes('--json');
const write = args.includes('--write');
const asked = args.filter((argument) => !argument.startsWith('--'));
const unknown = asked.filter((name) => !(name in BENCHMARKS));
if (unknown.length > 0) {
  console.error(`unknown benchmark ${unknown.join(', ')}; there are ${Object.keys(BENCHMARKS).join(', ')}`);
  process.exit(2);
}

const sections: string[] = ['# Results', '', `Machine: ${machine()}. Best of fifteen rounds, contenders in turns.`];
if (!json) console.log(machine());
for (const [name, { title, run }] of Object.entries(BENCHMARKS)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  const results = await run();
  if (json) for (const result of results) console.log(JSON.stringify(result));
  const table = toTable(results);
  if (!json) console.log(`\n${title}\n\n${table}`);
  sections.push('', `## ${title}`, '', table);
}
if (write) writeFileSync('bench/RESULTS.md', `${sections.join('\n')}\n`);

function toTable(results: readonly Result[]): string {
  const rows = results.map(({ name, value, unit, beside = '', ratio }) =>
    [name, `${value < 100 ? value.toFixed(1) : Math.round(value)} ${unit}`, beside, ratio?.toFixed(2) ?? ''].join(
      ' | ',
    ),
  );
  return ['| what | ours | beside | ratio |', '|---|---|---|---|', ...rows.map((row) => `| ${row} |`)].join('\n');
}
