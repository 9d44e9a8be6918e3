import { LRUCache } from 'lru-cache';
import { toBase64url } from '../../bytes/base64url.js';
import { freshness, negative } from '../../protocol/directory/statements.js';
import type { KeyRecord } from '../../protocol/identity/record.js';
import type { DirectoryKeys } from './directory-keys.js';
import { errorAnswer } from './http-error.js';
import { recordView } from './record-view.js';

/** The header that carries the directory's signed statement. */
export const FRESHNESS_HEADER = 'SealMQ-Freshness';

/** How long a cache in between may serve an answer while it fetches the next, in seconds: well within what clients tolerate. */
const STALE_WHILE_REVALIDATE = 60;

/** Longest life of "nobody has claimed it", in seconds. */
const NEGATIVE_LIFE = 30;

/** Statements kept in memory. */
const MAX_HELD = 10_000;

/** Answers to `GET /v1/keys/:address`. */
export interface RecordAnswers {
  found(record: KeyRecord, request: Request): Promise<Response>;
  notFound(address: string): Promise<Response>;
}

/**
 * Answers with signed statements that are good for `maxAge` seconds.
 *
 * @param now - seconds
 */
export function recordAnswers(keys: DirectoryKeys, maxAge: number, now: () => number): RecordAnswers {
  const held = new LRUCache<string, { servedAt: number; statement: Promise<string> }>({ max: MAX_HELD });

  /** The times of a statement are whole seconds, so one signature serves all who ask within a second. */
  function oncePerSecond(about: string, servedAt: number, sign: () => Promise<Uint8Array>): Promise<string> {
    const known = held.get(about);
    if (known?.servedAt === servedAt) return known.statement;
    const statement = sign().then(toBase64url);
    held.set(about, { servedAt, statement });
    return statement;
  }

  return {
    async found(record, request) {
      const { address, hash, version } = record;
      const etag = `"${toBase64url(hash)}"`;
      const servedAt = now();
      const statement = await oncePerSecond(`${address} ${etag}`, servedAt, () =>
        keys.sign(freshness, { address, record: hash, version, servedAt, maxAge }),
      );
      const headers = {
        'Cache-Control': `public, max-age=${maxAge}, stale-while-revalidate=${STALE_WHILE_REVALIDATE}`,
        Vary: 'Accept',
        [FRESHNESS_HEADER]: statement,
      };
      if (wantsView(request)) return Response.json(recordView(record), { headers });
      const tagged = { ...headers, ETag: etag };
      if (matches(request.headers.get('If-None-Match'), etag))
        return new Response(null, { status: 304, headers: tagged });
      return new Response(record.bytes as Uint8Array<ArrayBuffer>, {
        headers: { ...tagged, 'Content-Type': 'application/cose' },
      });
    },

    async notFound(address) {
      const servedAt = now();
      const life = Math.min(maxAge, NEGATIVE_LIFE);
      const statement = await oncePerSecond(address, servedAt, () =>
        keys.sign(negative, { address, servedAt, maxAge: life }),
      );
      const headers = { 'Cache-Control': `public, max-age=${life}`, [FRESHNESS_HEADER]: statement };
      return errorAnswer('DIRECTORY_NOT_FOUND', `nobody has claimed ${address}`, headers);
    },
  };
}

/** Whether a person is asking: `?format=json`, or a request that names JSON or HTML as what it likes. */
function wantsView(request: Request): boolean {
  const format = new URL(request.url).searchParams.get('format');
  return format === 'json' || (format === null && /\b(json|html)\b/.test(request.headers.get('Accept') ?? ''));
}

/** If-None-Match (RFC 9110 §13.1.2): weak comparison with a list of tags. */
function matches(header: string | null, etag: string): boolean {
  const tags = header?.split(',').map((tag) => tag.trim().replace(/^W\//, '')) ?? [];
  return tags.includes(etag) || tags.includes('*');
}
