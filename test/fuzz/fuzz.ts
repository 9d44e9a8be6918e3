import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { seededRandom } from '../../src/testing/seeded.js';
import { type Decoder, decoders, examine } from './decoders.js';
import { mutate } from './mutate.js';
import { seeds } from './seeds.js';

/** One folder per decoder; each file is an input in hexadecimal. */
export const CORPUS = fileURLToPath(new URL('../corpus/', import.meta.url));

export interface Crash {
  readonly decoder: string;
  readonly input: Uint8Array;
  readonly error: unknown;
}

export interface FuzzRun {
  readonly inputs: number;
  /** How many inputs had each outcome, by decoder. */
  readonly outcomes: Readonly<Record<string, Record<string, number>>>;
  readonly slowest: { readonly decoder: string; readonly ms: number };
  readonly crashes: readonly Crash[];
}

/**
 * Mutates valid inputs and gives them to their decoders.
 *
 * @param until - asked before each round of one input per decoder whether to go on
 */
export function fuzz(seed: number, until: (rounds: number) => boolean): FuzzRun {
  const random = seededRandom(seed);
  const pool = Object.entries(seeds());
  const crashes: Crash[] = [];
  const outcomes: Record<string, Record<string, number>> = {};
  let slowest = { decoder: '', ms: 0 };
  let rounds = 0;
  for (; !until(rounds); rounds++) {
    for (const [decoder, valid] of pool) {
      const input = mutate(random.pick(valid), random.pick(valid), random);
      const started = performance.now();
      const finding = examine(decoders[decoder] as Decoder, input);
      const ms = performance.now() - started;
      if (ms > slowest.ms) slowest = { decoder, ms };
      if ('error' in finding) crashes.push({ decoder, input, error: finding.error });
      else if (isForgery(decoder, finding.word, input, valid)) crashes.push({ decoder, input, error: 'a forgery' });
      else count(outcomes, decoder, finding.word);
    }
  }
  return { inputs: rounds * pool.length, outcomes, slowest, crashes };
}

/** Decoders of what was signed or encrypted by keys that the fuzzer does not use: they take nothing but the originals. */
const AUTHENTIC = ['record', 'record-noble', 'open', 'open-noble', 'info-ok'];

function isForgery(decoder: string, word: string, input: Uint8Array, valid: readonly Uint8Array[]): boolean {
  if (!AUTHENTIC.includes(decoder) || (word !== 'read' && word !== 'opened')) return false;
  return !valid.some((original) => Buffer.compare(original, input) === 0);
}

function count(outcomes: Record<string, Record<string, number>>, decoder: string, word: string): void {
  const words = outcomes[decoder] ?? {};
  words[word] = (words[word] ?? 0) + 1;
  outcomes[decoder] = words;
}

/** Adds a crashing input to the corpus, where every test run replays it. */
export function keep({ decoder, input }: Crash): string {
  const name = createHash('sha256').update(input).digest('hex').slice(0, 16);
  const folder = join(CORPUS, decoder);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `crash-${name}.hex`);
  writeFileSync(file, `${Buffer.from(input).toString('hex')}\n`);
  return file;
}

function main(): void {
  const { values } = parseArgs({
    options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string', default: String(Date.now()) } },
  });
  const end = performance.now() + Number(values.seconds) * 1000;
  const { inputs, outcomes, slowest, crashes } = fuzz(Number(values.seed), () => performance.now() > end);
  for (const crash of crashes) console.error(keep(crash), crash.error);
  console.log(`seed ${values.seed}: ${inputs} inputs, ${crashes.length} crashes`, { outcomes, slowest });
  process.exitCode = crashes.length > 0 ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
