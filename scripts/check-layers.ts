/**
 * Checks the import rules of `src/` (docs/architecture.md): nothing climbs, siblings under `protocol/` keep to themselves,
 * no cycles, and every third-party package has one home.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';

const ROOT = 'src';

/** A layer may import itself and those of a lower rank; client and server share a rank and never meet. */
const RANKS: Readonly<Record<string, number>> = {
  'errors.ts': 0,
  'pause.ts': 0,
  bytes: 1,
  cose: 2,
  crypto: 3,
  protocol: 4,
  ports: 4.5,
  adapters: 5,
  client: 6,
  server: 6,
  cli: 7,
  testing: 7,
  'index.ts': 7,
};

/** What every sibling under `protocol/` may use. */
const SHARED_PROTOCOLS = ['envelope', 'identity'];

/** Where each package may be imported. */
const HOMES: Readonly<Record<string, readonly string[]>> = {
  '@noble/ciphers': ['crypto'],
  '@noble/curves': ['crypto'],
  '@noble/hashes': ['crypto', 'adapters/store'],
  'node-datachannel': ['adapters/rtc'],
  werift: ['adapters/rtc'],
  mqtt: ['adapters/mqtt', 'client/options.ts'],
  level: ['adapters/store', 'server/broker'],
  'abstract-level': ['adapters/store', 'server/broker'],
  undici: ['adapters/http'],
  'web-push': ['server/relay/push'],
  'lru-cache': ['client', 'server/key-provider', 'server/admission', 'server/relay'],
  hono: ['server/key-provider', 'server/registration'],
  '@hono/node-server': ['server/key-provider', 'server/registration'],
  jose: ['server/admission'],
  nodemailer: ['server/registration'],
  aedes: ['server/broker'],
  'aedes-persistence-level': ['server/broker'],
  'memory-level': ['server/broker'],
  ws: ['server/broker'],
  commander: ['cli'],
  qr: ['adapters/qr'],
};

const files = readdirSync(ROOT, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.replaceAll('\\', '/'));

const problems: string[] = [];
const graph = new Map<string, string[]>();

for (const file of files) {
  const edges: string[] = [];
  for (const specifier of importsOf(readFileSync(join(ROOT, file), 'utf8'))) {
    if (specifier.startsWith('.')) edges.push(normalize(join(dirname(file), specifier)).replace(/\.js$/, '.ts'));
    else checkPackage(file, specifier);
  }
  graph.set(file, edges);
  for (const target of edges) checkEdge(file, target);
}
for (const cycle of cycles()) problems.push(`cycle: ${cycle.join(' → ')}`);

if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exit(1);
}
console.log(`layers: ${files.length} files, no climb, no cycle`);

function importsOf(source: string): string[] {
  const pattern =
    /^\s*(?:import|export)\s[^'"]*?from\s+['"]([^'"]+)['"]|^\s*import\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm;
  return [...source.matchAll(pattern)].map((match) => (match[1] ?? match[2] ?? match[3]) as string);
}

function layerOf(file: string): string {
  return file.split('/')[0] as string;
}

function checkEdge(from: string, to: string): void {
  if (!graph.has(to) && !files.includes(to)) problems.push(`${from}: imports ${to}, which does not exist`);
  const [fromLayer, toLayer] = [layerOf(from), layerOf(to)];
  const [fromRank, toRank] = [RANKS[fromLayer], RANKS[toLayer]];
  if (fromLayer === toLayer) checkSiblings(from, to);
  else if (fromRank === undefined || toRank === undefined) problems.push(`${from}: unknown layer in ${from} → ${to}`);
  else if (fromRank <= toRank) problems.push(`${from}: must not import ${to}`);
}

function checkSiblings(from: string, to: string): void {
  if (layerOf(from) !== 'protocol') return;
  const [, fromSibling] = from.split('/') as [string, string];
  const [, toSibling] = to.split('/') as [string, string];
  const shared =
    toSibling.endsWith('.ts') || (SHARED_PROTOCOLS.includes(toSibling) && !SHARED_PROTOCOLS.includes(fromSibling));
  if (fromSibling !== toSibling && !shared) problems.push(`${from}: siblings under protocol/ do not import ${to}`);
}

function checkPackage(file: string, specifier: string): void {
  if (specifier.startsWith('node:')) return;
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
  const homes = HOMES[name];
  if (!homes) problems.push(`${file}: package ${name} has no home in ${relative('.', 'scripts/check-layers.ts')}`);
  else if (!homes.some((home) => file.startsWith(home))) problems.push(`${file}: ${name} lives in ${homes.join(', ')}`);
}

/** One path per cycle, found by depth-first search. */
function cycles(): string[][] {
  const found: string[][] = [];
  const done = new Set<string>();
  const visit = (file: string, path: string[]): void => {
    const at = path.indexOf(file);
    if (at >= 0) {
      found.push([...path.slice(at), file]);
      return;
    }
    if (done.has(file)) return;
    for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  return found;
}
