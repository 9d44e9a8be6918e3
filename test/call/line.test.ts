import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { join, utf8 } from '../../src/bytes/bytes.js';
import { Line } from '../../src/client/call/line.js';
import type { Way } from '../../src/client/call/way.js';
import { nativeProvider } from '../../src/crypto/native.js';
import { SealMQError } from '../../src/errors.js';
import { counter, recordCipher } from '../../src/protocol/call/cipher.js';
import {
  type CallRecord,
  type Chunk,
  decodeRecord,
  encodeCallControl,
  encodeChunk,
  Stream,
} from '../../src/protocol/call/record.js';
import { until } from '../client/world.js';

const provider = nativeProvider();
const call = new Uint8Array(16);
const cipherOf = (key: number) => recordCipher(provider, new Uint8Array(32).fill(key), call);

/** Two lines, and the way between them: what `passes` says no to is lost. */
function pair(passes: (record: CallRecord) => boolean = () => true, heard = () => {}) {
  const broken: SealMQError[] = [];
  const make = (ours: number, theirs: number) =>
    new Line({
      ...{ sending: cipherOf(ours), receiving: cipherOf(theirs), maxMessageBytes: 1 << 20 },
      events: { heard, gone: () => {}, broken: (error) => broken.push(error) },
    });
  const [alice, bob] = [make(1, 2), make(2, 1)];
  const wayTo = (other: Line): Way => ({
    path: 'mqtt',
    full: () => false,
    clear: true,
    send(_channel, bytes) {
      const record = decodeRecord(bytes.slice());
      if (passes(record)) queueMicrotask(() => other.take(record, 'mqtt'));
    },
    onRoom: () => {},
  });
  const connect = () => {
    alice.use(wayTo(bob));
    bob.use(wayTo(alice));
  };
  connect();
  return { alice, bob, broken, connect };
}

async function all(line: Line): Promise<(string | undefined)[]> {
  const texts: (string | undefined)[] = [];
  for await (const { text } of line.messages()) texts.push(text);
  return texts;
}

const streamOf = ({ ctr }: CallRecord) => ctr[3];

test('one side ends, and the other goes on', async () => {
  const { alice, bob } = pair();
  await alice.send('only this', 'ordered');
  const ended = alice.end();
  expect(await all(bob)).toEqual(['only this']);
  await ended;
  expect(bob.complete).toBe(true);
  await expect(alice.send('and that', 'ordered')).rejects.toMatchObject({ code: 'USAGE_CLOSED' });
  await bob.send('later', 'ordered');
  const back = bob.end();
  expect(await all(alice)).toEqual(['later']);
  await back;
  // There is nothing more, however often it is asked for.
  expect(await all(bob)).toEqual([]);
});

test('the end is known to have come when the application has taken what stands before it', async () => {
  const { alice, bob } = pair();
  await alice.send('read me', 'ordered');
  let ended = false;
  const ending = alice.end().then(() => {
    ended = true;
  });
  await alice.finish();
  const messages = bob.messages();
  expect(await messages.next()).toMatchObject({ value: { text: 'read me' } });
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect({ ended, complete: bob.complete }).toEqual({ ended: false, complete: false });
  expect(await messages.next()).toMatchObject({ done: true });
  await ending;
  expect(bob.complete).toBe(true);
});

test('an end that is lost comes again over the next way, as does the word that it was taken', async () => {
  const lost = { ordered: 0, control: 0 };
  let lossy = true;
  const { alice, bob, connect } = pair((record) => {
    const kind = streamOf(record) === Stream.ordered ? 'ordered' : 'control';
    if (!lossy) return true;
    lost[kind]++;
    return false;
  });
  await alice.send('one', 'ordered');
  const ended = alice.end();
  const got = all(bob);
  await until(() => lost.ordered >= 2 || undefined);
  lossy = false;
  connect();
  expect(await got).toEqual(['one']);
  await ended;
  expect(lost.control).toBeGreaterThan(0);

  const other = pair((record) => !lossy || streamOf(record) !== Stream.control);
  lossy = true;
  const again = other.alice.end();
  expect(await all(other.bob)).toEqual([]);
  lossy = false;
  expect(other.alice.pending).toBe(true);
  other.alice.repeat();
  await again;
  expect(other.alice.pending).toBe(false);
});

test('the end waits for unordered messages that it has overtaken', async () => {
  const held: (() => void)[] = [];
  const { alice, bob } = pair();
  const way = alice.way as Way;
  alice.use({
    ...way,
    send: (channel, record) =>
      streamOf(decodeRecord(record)) === Stream.unordered
        ? held.push(way.send.bind(way, channel, record.slice()))
        : way.send(channel, record),
  });
  await alice.send('slow', 'unordered');
  const ended = alice.end();
  const got = all(bob);
  await alice.finish();
  for (const release of held) release();
  expect(await got).toEqual(['slow']);
  await ended;
});

test('one that is lost for good is not waited for without end', async () => {
  const { alice, bob } = pair((record) => streamOf(record) !== Stream.unordered);
  await alice.send('gone', 'unordered');
  await alice.send('here', 'ordered');
  const ended = alice.end();
  expect(await all(bob)).toEqual(['here']);
  await ended;
});

test('a line that is over before the end is not complete, and says so to both', async () => {
  const { alice, bob } = pair((record) => streamOf(record) !== Stream.control);
  await alice.send('the first half', 'ordered');
  await until(() => (bob.stats.received.messages === 1 ? true : undefined));
  const ending = alice.end();
  const over = new SealMQError('CALL_FAILED', 'gone');
  alice.close(over);
  bob.close(over);
  await expect(ending).rejects.toBe(over);
  expect(await all(bob)).toEqual(['the first half']);
  expect(bob.complete).toBe(false);
});

/** What the other side says, whatever the rules are. */
async function says(bob: Line, stream: number, n: number, chunk: Chunk): Promise<void> {
  bob.take(decodeRecord(await cipherOf(1).seal(counter(n, stream), encodeChunk(chunk))), 'mqtt');
}

const placed = (kind: keyof typeof Stream, message: number, index: number) =>
  kind === 'unordered' ? { place: { message, index } } : {};

test.each(['ordered', 'unordered'] as const)('a message in as many pieces as may be: %s', async (kind) => {
  const { bob, broken } = pair();
  const got = bob.messages().next();
  const count = 2048;
  for (let i = 0; i < count; i++) {
    const bytes = new Uint8Array(512).fill(i);
    await says(bob, Stream[kind], i, { text: false, last: i === count - 1, bytes, ...placed(kind, 0, i) });
  }
  const { bytes } = (await got).value as { bytes: Uint8Array };
  expect([bytes.length, bytes[512 * 300], broken]).toEqual([512 * count, 300 % 256, []]);
});

test('any number of pieces is joined', () => {
  expect(join(Array.from({ length: 300_000 }, () => Uint8Array.of(7)))).toEqual(new Uint8Array(300_000).fill(7));
});

test.each(['ordered', 'unordered'] as const)('pieces of next to nothing break the call: %s', async (kind) => {
  const { bob, broken } = pair();
  const bytes = new Uint8Array(511);
  await says(bob, Stream[kind], 0, { text: false, last: false, bytes, ...placed(kind, 0, 0) });
  expect(broken[0]).toMatchObject({ code: 'DECODE_CLAIMS' });
});

test.each([
  ['messages that nobody reads', 'ordered', 0, 65_000, 64],
  ['everything but the first', 'ordered', 1, 65_000, 64],
  ['unordered ones that nobody reads', 'unordered', 0, 65_000, 64],
  ['a great many empty messages', 'ordered', 0, 0, 16_384],
  ['a great many empty messages, unordered', 'unordered', 0, 0, 16_384],
] as const)('what there is no room for breaks the call: %s', async (_what, kind, first, size, fitting) => {
  const { bob, broken } = pair();
  const bytes = new Uint8Array(size);
  const say = (n: number) => says(bob, Stream[kind], n, { text: false, last: true, bytes, ...placed(kind, n, 0) });
  for (let n = first; n < first + fitting; n++) await say(n);
  expect(broken).toEqual([]);
  await say(first + fitting);
  expect(broken[0]).toMatchObject({ code: 'DECODE_CLAIMS' });
});

test('an honest sender waits where nobody reads, however small its messages are, and goes on when somebody does', async () => {
  const { alice, bob, broken } = pair();
  const count = 20_000;
  let sent = 0;
  const sending = (async () => {
    for (; sent < count; sent++) await alice.send('', 'ordered');
  })();
  await until(() => (bob.stats.received.messages === 16_384 ? true : undefined));
  await sleep(100);
  expect([sent, bob.stats.received.messages]).toEqual([16_384, 16_384]);
  const ended = sending.then(() => alice.end());
  expect(await all(bob)).toHaveLength(count);
  await ended;
  expect(broken).toEqual([]);
});

test('unordered messages that lost a piece make room for others', async () => {
  const { bob, broken } = pair();
  const bytes = new Uint8Array(50_000);
  let n = 0;
  for (let message = 0; message < 4; message++)
    for (let index = 0; index < 10; index++)
      await says(bob, Stream.unordered, n++, { text: false, last: false, bytes, place: { message, index } });
  const here = { text: true, last: true, bytes: utf8('here'), place: { message: 4, index: 0 } };
  await says(bob, Stream.unordered, n, here);
  expect((await bob.messages().next()).value).toMatchObject({ text: 'here' });
  expect(broken).toEqual([]);
});

test('what is lost with a way takes no room for ever', async () => {
  let isLost = true;
  const { alice, bob, broken, connect } = pair((record) => !isLost || streamOf(record) !== Stream.unordered);
  const reading = bob.messages();
  // More than fits at a time, in all.
  for (let way = 0; way < 3; way++) {
    isLost = true;
    for (let i = 0; i < 50; i++) await alice.send(new Uint8Array(60_000), 'unordered');
    isLost = false;
    connect();
    await alice.send(String(way), 'ordered');
    expect((await reading.next()).value).toMatchObject({ text: String(way) });
  }
  expect(broken).toEqual([]);
});

test.each([
  ['more than there was room for', 1, 5_000_000],
  ['as much as there are numbers', 1, Number.MAX_SAFE_INTEGER],
])('the other side says that it lost %s', async (_what, next, spent) => {
  const { bob, broken } = pair();
  const hello = encodeCallControl({ kind: 'hello', maxMessageBytes: 1, next, spent });
  bob.take(decodeRecord(await cipherOf(1).seal(counter(9, Stream.control), [hello])), 'mqtt');
  expect(broken[0]).toMatchObject({ code: 'DECODE_CLAIMS' });
});

test('who sends in a loop lets others have their turn', async () => {
  const { alice, bob } = pair();
  const reading = all(bob);
  let turns = 0;
  const ticking = setInterval(() => turns++, 1);
  const end = performance.now() + 200;
  while (performance.now() < end) await alice.send('x', 'ordered');
  clearInterval(ticking);
  expect(turns).toBeGreaterThan(0);
  await alice.end();
  await reading;
});

/** Lets everything pass, and counts what is no message. */
const counting = (count: { controls: number }) => (record: CallRecord) => {
  if (streamOf(record) === Stream.control) count.controls++;
  return true;
};

test('what is said again is no sign of life, and is acknowledged once in a while', async () => {
  const count = { signs: 0, controls: 0 };
  const { bob } = pair(counting(count), () => count.signs++);
  const record = decodeRecord(await cipherOf(1).seal(counter(0, Stream.ordered), encodeChunk({ unordered: 0 })));
  bob.take(record, 'mqtt');
  const before = { ...count };
  for (let i = 0; i < 1000; i++) bob.take(record, 'mqtt');
  expect(count).toEqual(before);
});

const ONCE = { text: true, last: true, bytes: utf8('once'), place: { message: 0, index: 0 } };

test.each([
  ['a message of the unordered stream', Stream.unordered, encodeChunk(ONCE)],
  ['a hello', Stream.control, [encodeCallControl({ kind: 'hello', maxMessageBytes: 1, next: 0, spent: 0 })]],
] as const)('%s that is said again is passed over', async (_what, stream, content) => {
  let signs = 0;
  const { bob } = pair(undefined, () => signs++);
  const record = decodeRecord(await cipherOf(1).seal(counter(5, stream), content));
  signs = 0;
  const took = Array.from({ length: 3 }, () => {
    bob.take(record, 'mqtt');
    return [signs, bob.stats.received.messages];
  });
  const [first] = took;
  expect(took).toEqual([first, first, first]);
  expect(first).toEqual([1, stream === Stream.unordered ? 1 : 0]);
});

test('a flood of pings is answered once in a while', async () => {
  const count = { controls: 0 };
  const { bob } = pair(counting(count));
  for (let n = 10; n < 1010; n++) {
    const ping = encodeCallControl({ kind: 'ping', n });
    bob.take(decodeRecord(await cipherOf(1).seal(counter(n, Stream.control), [ping])), 'mqtt');
  }
  expect(count.controls).toBeLessThan(200);
});

test.each([
  ['behind the end', [{ unordered: 0 }, { text: false, last: true, bytes: new Uint8Array(1) }], 0],
  ['the end within a message', [{ text: false, last: false, bytes: new Uint8Array(1) }, { unordered: 0 }], 0],
  ['the end on the unordered stream', [{ unordered: 0 }], 1],
] as const)('the other side breaks the rules: %s', async (_name, chunks, stream) => {
  const { bob, broken } = pair();
  const theirs = cipherOf(1);
  for (const [n, chunk] of chunks.entries()) {
    const ctr = counter(n, stream);
    bob.take(decodeRecord(await theirs.seal(ctr, encodeChunk(chunk))), 'mqtt');
  }
  await until(() => broken[0]);
  expect(broken[0]).toMatchObject({ code: 'DECODE_CLAIMS' });
});
