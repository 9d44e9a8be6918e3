/**
 * `npm run bundle`: builds what browsers get of the package, prints what it weighs, and fails when something is in it that
 * belongs to servers or to Node. Needs `npm run build` first.
 */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build, createLogger, type InlineConfig, type Rolldown } from 'vite';

/** A way to import the package, and what may come of it. */
export interface Entry {
  readonly name: string;
  readonly code: string;
  /** Third-party packages that may be in the bundle. */
  readonly packages: readonly string[];
  /** Most kilobytes, of a thousand bytes each, that may be transferred: compressed, and what is loaded later included. */
  readonly limit: number;
}

/** A production bundle. */
export interface Bundle {
  readonly chunks: readonly Rolldown.OutputChunk[];
  /** Third-party packages in it, sorted. */
  readonly packages: readonly string[];
  /** What Vite complained about. */
  readonly warnings: readonly string[];
}

const NOBLE = ['@noble/ciphers', '@noble/curves', '@noble/hashes'];

/** LevelDB's interface over IndexedDB. `buffer` and `events` are packages from npm, not Node's modules. */
const LEVEL = [
  ...['abstract-level', 'browser-level', 'level', 'level-supports', 'level-transcoder'],
  ...['base64-js', 'buffer', 'events', 'ieee754', 'maybe-combine-errors', 'module-error'],
];

/** What the report is about. */
export const entries: readonly Entry[] = [
  {
    name: 'sealmq',
    code: "export * from 'sealmq';",
    packages: [...NOBLE, ...LEVEL, 'lru-cache', 'mqtt'],
    limit: 275,
  },
  {
    name: 'sealmq/envelope',
    code: "export * from 'sealmq/envelope';",
    packages: [],
    limit: 20,
  },
  {
    name: 'sealmq/room',
    code: "export * from 'sealmq/room';",
    packages: [],
    limit: 10,
  },
  {
    name: 'sealmq/room/media',
    code: "export * from 'sealmq/room/media';",
    packages: [],
    limit: 10,
  },
  {
    name: 'sealmq/crypto',
    code: "export * from 'sealmq/crypto';",
    packages: [...NOBLE],
    limit: 50,
  },
  {
    name: 'nothing of sealmq',
    code: "import 'sealmq';",
    packages: [],
    limit: 0,
  },
];

/** Texts that survive minification, each a sign of something that no browser should load. */
export const forbidden: readonly { readonly what: string; readonly sign: RegExp }[] = [
  { what: 'aedes', sign: /aedes/i },
  { what: 'classic-level', sign: /prebuilds/ },
  { what: 'commander', sign: /commander\.\w/ },
  { what: 'node-datachannel', sign: /node-datachannel/ },
  { what: 'werift', sign: /werift/ },
  { what: 'web-push', sign: /WebPush: info|vapid t=/ },
  { what: 'hono', sign: /Context is not finalized/ },
  { what: 'undici', sign: /UND_ERR/ },
  { what: "a module of Node's", sign: /["'`]node:\w/ },
  { what: 'a call of require', sign: /\brequire\(\s*["'`]/ },
];

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const VIRTUAL = resolve(ROOT, 'bundle-entry.js');

/** Bundles a module of the text `code` as an application's production build would; `config` goes before the defaults. */
export async function bundle(code: string, config: InlineConfig = {}): Promise<Bundle> {
  const { output, warnings } = await productionBuild({
    root: ROOT,
    ...config,
    plugins: [
      { name: 'entry', resolveId: (id) => (id === VIRTUAL ? id : null), load: (id) => (id === VIRTUAL ? code : null) },
    ],
    build: {
      ...config.build,
      rolldownOptions: { input: VIRTUAL, preserveEntrySignatures: 'strict', ...config.build?.rolldownOptions },
    },
  });
  const chunks = output.filter((each) => each.type === 'chunk');
  const packages = new Set(chunks.flatMap(({ moduleIds }) => moduleIds).flatMap(packageOf));
  return { chunks, packages: [...packages].sort(), warnings };
}

/** Vite's production build in memory, whatever environment we are in. */
export async function productionBuild(
  config: InlineConfig,
): Promise<{ output: Rolldown.RolldownOutput['output']; warnings: string[] }> {
  const warnings: string[] = [];
  const note = (message: string) => warnings.push(message);
  const customLogger = { ...createLogger('silent'), warn: note, warnOnce: note };
  const environment = process.env.NODE_ENV;
  process.env.NODE_ENV = 'production';
  try {
    const built = await build({
      configFile: false,
      logLevel: 'silent',
      customLogger,
      ...config,
      build: { write: false, minify: true, ...config.build },
    });
    const [first] = [built].flat() as Rolldown.RolldownOutput[];
    return { output: first?.output as Rolldown.RolldownOutput['output'], warnings };
  } finally {
    if (environment === undefined) delete process.env.NODE_ENV;
    else process.env.NODE_ENV = environment;
  }
}

/** What of {@link forbidden} there is in a bundle. */
export function forbiddenIn({ chunks }: Bundle): string[] {
  return forbidden.filter(({ sign }) => chunks.some(({ code }) => sign.test(code))).map(({ what }) => what);
}

/** What is wrong with the bundle of an entry. */
export function problemsOf(entry: Entry, built: Bundle): string[] {
  const strangers = built.packages.filter((name) => !entry.packages.includes(name));
  const { first, later } = weigh(built);
  const total = (first.gzip + later.gzip) / 1000;
  return [
    ...built.warnings,
    ...forbiddenIn(built).map((what) => `holds ${what}`),
    ...strangers.map((name) => `holds the package ${name}`),
    ...(total > entry.limit ? [`weighs ${total.toFixed(1)} kB, more than ${entry.limit}`] : []),
  ];
}

interface Weight {
  readonly minified: number;
  readonly gzip: number;
}

/** Bytes that are loaded at once, and those of chunks that are only loaded when they are needed. */
export function weigh({ chunks }: Bundle): { readonly first: Weight; readonly later: Weight } {
  const atOnce = new Set(chunks.filter(({ isEntry }) => isEntry).map(({ fileName }) => fileName));
  for (const name of atOnce) {
    for (const imported of chunks.find(({ fileName }) => fileName === name)?.imports ?? []) atOnce.add(imported);
  }
  const sum = (part: readonly Rolldown.OutputChunk[]): Weight => ({
    minified: part.reduce((bytes, { code }) => bytes + Buffer.byteLength(code), 0),
    gzip: part.reduce((bytes, { code }) => bytes + (code.length === 0 ? 0 : gzipSync(code).length), 0),
  });
  return {
    first: sum(chunks.filter(({ fileName }) => atOnce.has(fileName))),
    later: sum(chunks.filter(({ fileName }) => !atOnce.has(fileName))),
  };
}

function packageOf(moduleId: string): string[] {
  const [, name] = moduleId.match(/.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/) ?? [];
  // Vite's own glue for dynamic imports is not somebody's package.
  return name === undefined || name === 'vite' ? [] : [name];
}

async function report(): Promise<void> {
  const kilobytes = (bytes: number) => (bytes / 1000).toFixed(1).padStart(9);
  console.log('kB, of 1,000 bytes        minified     gzip | later: minified     gzip');
  for (const entry of entries) {
    const built = await bundle(entry.code);
    const { first, later } = weigh(built);
    const weights = [first.minified, first.gzip, later.minified, later.gzip].map(kilobytes);
    console.log(entry.name.padEnd(24), ...weights);
    for (const problem of problemsOf(entry, built)) {
      console.error(`  ${entry.name}: ${problem}`);
      process.exitCode = 1;
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await report();
