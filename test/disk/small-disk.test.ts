import { describe, expect, test } from 'vitest';
import { createWorld, until } from '../client/world.js';
import { canLimit, canMount, type Kind, onSmallDisk } from './small-disk.js';
import type { SmallDiskLine } from './small-disk-process.js';

const timing = { receiptDelay: 20, gapDelay: 30, republishAfter: 200 };

/** Of 16 kB each: more than there is room for, and less than when there is. */
const MESSAGES = 42;

const texts = (lines: readonly SmallDiskLine[], event: 'sent' | 'heard') =>
  lines.flatMap((line) => (line.event === event && 'text' in line ? [line.text] : []));
const devices = (lines: readonly SmallDiskLine[]) =>
  lines.flatMap((line) => (line.event === 'open' ? [line.device] : []));
const find = (lines: readonly SmallDiskLine[], event: SmallDiskLine['event']) =>
  lines.find((line) => line.event === event);

const kinds: [Kind, boolean][] = [
  ['a full disk', canMount()],
  ['a limit on the size of files', canLimit()],
];

describe.each(kinds)('%s', (kind, isPossible) => {
  test.skipIf(!isPossible)(
    'a sender is told, and nothing that it was promised is lost when there is room',
    async () => {
      const world = await createWorld();
      const bob = await world.join('bob', { timing });
      const heard: string[] = [];
      bob.on('message', ({ text }) => void heard.push(text.split(' ')[0] ?? ''));
      const alice = await onSmallDisk(kind, world, { address: 'alice', to: 'bob' });
      const full = await until(() => find(alice.lines, 'full'));
      expect(full).toMatchObject({ code: 'STATE_UNAVAILABLE' });
      const promised = texts(alice.lines, 'sent').length;
      expect(promised).toBeGreaterThan(5);
      alice.makeRoom();
      await alice.exited;
      const sent = texts(alice.lines, 'sent');
      expect(sent.length).toBe(promised + 3);
      // The one that was refused may have been kept by the write that failed: then it went out like the others, once.
      await until(() => sent.every((text) => heard.includes(text)) || undefined);
      expect(new Set(heard).size).toBe(heard.length);
      expect(heard.filter((text) => !sent.includes(text)).length).toBeLessThanOrEqual(1);
      expect(new Set(devices(alice.lines)).size).toBe(1);
    },
  );

  test.skipIf(!isPossible)(
    'a receiver takes nothing that it cannot keep, and gets all of it when there is room',
    async () => {
      const world = await createWorld();
      const bob = await onSmallDisk(kind, world, { address: 'bob' });
      await until(() => find(bob.lines, 'open'));
      const alice = await world.join('alice', { timing });
      const sent: Promise<void>[] = [];
      for (let n = 0; n < MESSAGES; n++) {
        const { delivered } = await alice.send('bob', `${n} ${'x'.repeat(16_000)}`);
        sent.push(delivered);
      }
      await until(() => bob.lines.find((line) => line.event === 'warning' && line.code === 'STATE_UNAVAILABLE'));
      await until(() => bob.lines.find((line) => line.event === 'disconnected' && line.cause === 'not-taken'));
      bob.makeRoom();
      await Promise.all(sent);
      await until(() => new Set(texts(bob.lines, 'heard')).size === MESSAGES || undefined);
      const heard = texts(bob.lines, 'heard');
      // Messages whose handlers were through when the disk was full, with no room for saying so, come once more at most.
      expect(heard.length).toBeLessThanOrEqual(MESSAGES + 64);
      expect(new Set(devices(bob.lines)).size).toBe(1);
    },
  );
});
