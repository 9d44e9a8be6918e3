import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';
import { productionBuild } from '../../scripts/bundle-report.js';
import { snippets } from '../docs/snippets.js';

/** The pages of `app/`, built for production and served over plain http. */
export interface Site {
  /** The address of a page. */
  url(page: 'index.html' | 'contracts.html' | 'call.html' | 'talk.html' | 'wake.html', host?: string): string;
  /** The paths of all files. */
  readonly files: readonly string[];
  /** What Vite complained about. */
  readonly warnings: readonly string[];
  /** Files that were asked for and that are not there. */
  readonly missing: readonly string[];
  close(): Promise<void>;
}

const APP = fileURLToPath(new URL('app/', import.meta.url));

const DOCUMENT = fileURLToPath(new URL('../../docs/calls.md', import.meta.url));

const TYPES: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript' };

/** As strict as an application can have it (docs/browsers.md). */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  'img-src data:',
  "worker-src 'self' blob:",
  'connect-src http://127.0.0.1:* ws://127.0.0.1:*',
].join('; ');

/** What `docs/calls.md` tells to write for a page that is woken: its first lines, its service worker, its last lines. */
const [SUBSCRIBE = '', WORKER = '', RESUME = '', ...UNTRIED] = snippets(DOCUMENT, 'js');
assert.deepEqual(UNTRIED, [], 'a snippet that no test runs');

/** Modules of these lines, with what they take for given. */
const DOCUMENTED: Readonly<Record<string, string>> = {
  'docs/calls': [
    `export async function subscribe(bob, script) {${SUBSCRIBE.replace("'/service-worker.js'", 'script')}}`,
    `export async function resume(bob) {${RESUME}}`,
  ].join('\n'),
  'docs/calls/service-worker': [
    "const options = JSON.parse(new URLSearchParams(location.search).get('options'));",
    WORKER,
  ].join('\n'),
};

const documented: Plugin = {
  name: 'documented',
  resolveId: (id) => (id in DOCUMENTED ? `${APP}${id}` : null),
  load: (id) => DOCUMENTED[id.replace(APP, '')] ?? null,
};

/** Builds the pages and serves them on a free port. */
export async function openSite(): Promise<Site> {
  const pages = ['index', 'contracts', 'call', 'talk', 'wake'];
  const input = Object.fromEntries(pages.map((page) => [page, `${APP}${page}.html`]));
  const { output: pageFiles, warnings } = await productionBuild({
    ...{ root: APP, plugins: [documented], build: { rolldownOptions: { input, checks: { bundlerTimings: false } } } },
  });
  // In one file: service workers know no `import()`.
  const { output: workerFiles } = await productionBuild({
    ...{ root: APP, plugins: [documented] },
    build: {
      rolldownOptions: {
        input: 'docs/calls/service-worker',
        output: { format: 'iife', entryFileNames: 'service-worker.js' },
      },
    },
  });
  const output = [...pageFiles, ...workerFiles];
  const files = new Map(output.map((each) => [`/${each.fileName}`, each.type === 'chunk' ? each.code : each.source]));
  const missing: string[] = [];

  const server = createServer(({ url = '' }, response) => {
    const path = url.replace(/\?.*/, '');
    const body = files.get(path);
    if (body === undefined) missing.push(url);
    const type = TYPES[extname(path)] ?? 'application/octet-stream';
    response.writeHead(body === undefined ? 404 : 200, { 'Content-Type': type, 'Content-Security-Policy': POLICY });
    response.end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: (page, host = '127.0.0.1') => `http://${host}:${port}/${page}`,
    ...{ files: [...files.keys()], warnings, missing },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
