import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Rolldown } from 'vite';

const TYPES: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript' };

/**
 * Builds the page of an example, as an application would be, and serves it: `localhost` counts as secure.
 *
 * @param folder - under `examples/`, with an `index.html`, and a `service-worker.ts` if it has one
 */
export async function openSite(folder: string) {
  const root = fileURLToPath(new URL(`../${folder}/`, import.meta.url));
  const built = await build({
    ...{ root, configFile: false, logLevel: 'error' },
    build: { write: false, target: 'es2022' },
    worker: { format: 'es' },
  });
  const [{ output: pages }] = [built].flat() as [Rolldown.RolldownOutput];
  const output = [...pages, ...(existsSync(`${root}service-worker.ts`) ? await buildServiceWorker(root) : [])];
  const files = new Map(output.map((each) => [`/${each.fileName}`, each.type === 'chunk' ? each.code : each.source]));
  const server = createServer(({ url = '/' }, response) => {
    const path = url.replace(/\?.*/, '').replace(/\/$/, '/index.html');
    response.writeHead(files.has(path) ? 200 : 404, { 'Content-Type': TYPES[extname(path)] ?? 'text/plain' });
    response.end(files.get(path));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** In one classic script: service workers know no `import()`, nor modules in every browser. */
async function buildServiceWorker(root: string): Promise<Rolldown.RolldownOutput['output']> {
  const output = { format: 'iife', entryFileNames: 'service-worker.js' } as const;
  const built = await build({
    ...{ root, configFile: false, logLevel: 'error' },
    build: { write: false, target: 'es2022', rolldownOptions: { input: `${root}service-worker.ts`, output } },
  });
  return ([built].flat() as [Rolldown.RolldownOutput])[0].output;
}
