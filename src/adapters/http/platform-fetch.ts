import type { createRequire as CreateRequire } from 'node:module';
import type * as Undici from 'undici';

/** The part of `fetch` that is used here. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** A `fetch` and what releases its connections. */
export interface Fetcher {
  readonly fetch: Fetch;
  close(): Promise<void>;
}

/** How connections are made. */
export interface FetchOptions {
  /** Certificates (PEM) of authorities to trust in place of the well-known ones; Node only. */
  readonly ca?: string | Uint8Array | readonly (string | Uint8Array)[];
}

/** Connections to one origin; more requests wait. */
const CONNECTIONS = 16;

/**
 * In Node undici with connections of its own, kept alive until {@link Fetcher.close}; elsewhere the platform's `fetch`.
 *
 * undici is required at run time, by a function that Node hands out: no bundler for browsers sees it. Where a bundle for Node
 * has left it out, the built-in `fetch` serves as well.
 */
export function platformFetch({ ca }: FetchOptions = {}): Fetcher {
  const undici = requireUndici();
  if (!undici) return { fetch: (url, init) => globalThis.fetch(url, init), close: async () => {} };
  const trust = ca === undefined ? {} : { connect: { ca: ca as string } };
  const dispatcher = new undici.Agent({ connections: CONNECTIONS, ...trust });
  return {
    // undici's own types of what are the platform's classes by specification.
    fetch: (url, init) =>
      undici.fetch(url, { ...init, dispatcher } as Undici.RequestInit) as unknown as Promise<Response>,
    close: () => dispatcher.destroy(),
  };
}

function requireUndici(): typeof Undici | undefined {
  const module = globalThis.process?.getBuiltinModule?.('module') as
    | { createRequire: typeof CreateRequire }
    | undefined;
  try {
    return module?.createRequire(import.meta.url)('undici') as typeof Undici | undefined;
  } catch {
    return undefined;
  }
}
