import { toBase64url } from '../bytes/base64url.js';
import { utf8 } from '../bytes/bytes.js';
import { type CborValue, decodeCbor, encodeCbor } from '../bytes/cbor.js';
import { isBytes, isBytesOf, isCounter, readFields, toMap } from '../bytes/fields.js';
import type { StoreOperation } from '../ports/store.js';
import { MESSAGE_ID_BYTES } from '../protocol/envelope/claims.js';
import { compareVersions, type Version, type VersionOutcome } from '../protocol/envelope/version.js';
import type { Context } from './context.js';
import type { QueueLimits } from './durable-queue.js';
import { type OpenedEntry, openedCodec } from './entries.js';

/** Whose will or state, and of which channel; a will need not have one. */
export interface Origin {
  readonly family: 'will' | 'state';
  readonly from: string;
  readonly device: string;
  readonly channel: string | undefined;
}

/**
 * What came last of each family, device and channel, durably: an older copy that somebody brings again is recognised for good.
 * The version is remembered also when there is nothing to keep besides it.
 */
export interface Latest {
  /** What `next` is; `full` when it is the first of its origin and there are too many. */
  judge(origin: Origin, next: Version): VersionOutcome | 'full';
  /** Remembers `next` in place of what was known; durable with the operation. */
  keep(origin: Origin, next: Version, content?: OpenedEntry): StoreOperation;
  /** What is kept of a family, in order of sender, device and channel. */
  contents(family: Origin['family'], from?: string): AsyncIterable<OpenedEntry>;
}

/** Channels of one sender address; its devices share them. */
const MAX_PER_SENDER = 1000;

interface Known extends Version {
  readonly size: number;
}

/** Opens what lies under `latest/` of the store. */
export async function openLatest(context: Context, limits: QueueLimits): Promise<Latest> {
  const known = new Map<string, Known>();
  const perSender = new Map<string, number>();
  let bytes = 0;

  const remember = (key: string, next: Known) => {
    const before = known.get(key);
    if (!before) perSender.set(senderOf(key), (perSender.get(senderOf(key)) ?? 0) + 1);
    bytes += next.size - (before?.size ?? 0);
    known.set(key, next);
  };
  for await (const [key, value] of context.store.iterator({ gte: 'latest/', lt: 'latest0' })) {
    remember(key, { ...decode(value), size: value.length });
  }
  const isFull = (key: string) =>
    known.size >= limits.entries || bytes >= limits.bytes || (perSender.get(senderOf(key)) ?? 0) >= MAX_PER_SENDER;

  return {
    judge(origin, next) {
      const key = keyOf(origin);
      const before = known.get(key);
      return before || !isFull(key) ? compareVersions(before, next) : 'full';
    },
    keep(origin, { version, id }, content) {
      const key = keyOf(origin);
      const value = encodeCbor(toMap({ version, id, content: content && openedCodec.encode(content) }));
      remember(key, { version, id, size: value.length });
      return { type: 'put', key, value };
    },
    async *contents(family, from) {
      const prefix = from === undefined ? 'latest' : `latest/${from}`;
      for await (const [key, value] of context.store.iterator({ gte: `${prefix}/`, lt: `${prefix}0` })) {
        const { content } = key.split('/')[3] === family ? decode(value) : {};
        if (content) yield openedCodec.decode(content);
      }
    },
  };
}

function keyOf({ family, from, device, channel }: Origin): string {
  return `latest/${from}/${device}/${family}/${channel === undefined ? '' : toBase64url(utf8(channel))}`;
}

function senderOf(key: string): string {
  return key.split('/')[1] as string;
}

function decode(bytes: Uint8Array) {
  const fields = readFields(decodeCbor(bytes) as CborValue, 'STATE_CORRUPT', 'latest version');
  return {
    version: fields.required('version', isCounter),
    id: fields.required('id', isBytesOf(MESSAGE_ID_BYTES)),
    content: fields.optional('content', isBytes),
  };
}
