import { expect, test } from 'vitest';
import { Line } from '../../src/client/call/line.js';
import type { Way } from '../../src/client/call/way.js';
import { nativeProvider } from '../../src/crypto/native.js';
import { SealMQError } from '../../src/errors.js';
import { counter, recordCipher } from '../../src/protocol/call/cipher.js';
import { type CallRecord, encodeChunk, Stream } from '../../src/protocol/call/record.js';
import { until } from '../client/world.js';

const provider = nativeProvider();
const call = new Uint8Array(16);
const cipherOf = (key: number) => recordCipher(provider, new Uint8Array(32).fill(key), call);

/** Two lines, and the way between them: what `passes` says no to is lost. */
function pair(passes: (record: CallRecord) => boolean = () => true) {
  const broken: SealMQError[] = [];
  const make = (ours: number, theirs: number) =>
    new Line({
      ...{ sending: cipherOf(ours), receiving: cipherOf(theirs), maxMessageBytes: 1 << 20 },
      events: { heard() {}, broken: (error) => broken.push(error) },
    });
  const [alice, bob] = [make(1, 2), make(2, 1)];
  const wayTo = (other: Line): Way => ({
    path: 'mqtt',
    full: () => false,
    clear: true,
    send(_channel, record) {
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
      streamOf(record) === Stream.unordered ? held.push(() => way.send(channel, record)) : way.send(channel, record),
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

test.each([
  ['behind the end', [{ unordered: 0 }, { text: false, last: true, bytes: new Uint8Array(1) }], 0],
  ['the end within a message', [{ text: false, last: false, bytes: new Uint8Array(1) }, { unordered: 0 }], 0],
  ['the end on the unordered stream', [{ unordered: 0 }], 1],
] as const)('the other side breaks the rules: %s', async (_name, chunks, stream) => {
  const { bob, broken } = pair();
  const theirs = cipherOf(1);
  for (const [n, chunk] of chunks.entries()) {
    const ctr = counter(n, stream);
    bob.take({ ctr, ct: await theirs.seal(ctr, encodeChunk(chunk)) }, 'mqtt');
  }
  await until(() => broken[0]);
  expect(broken[0]).toMatchObject({ code: 'DECODE_CLAIMS' });
});
