import { describe, expect, test } from 'vitest';
import { nodeDataChannelRtc } from '../../src/adapters/rtc/node-datachannel.js';
import { turnCredentials } from '../../src/adapters/rtc/turn-credentials.js';
import { weriftRtc } from '../../src/adapters/rtc/werift.js';
import type { Call } from '../../src/client/call/call.js';
import type { CallOptions } from '../../src/client/call/settings.js';
import { closing, until } from '../client/world.js';
import { coturnAvailable, startCoturn } from '../peers/coturn.js';
import { peer } from '../peers/require.js';
import { breakable } from './breakable.js';
import { connect, pair } from './talking.js';
import { udpNetwork } from './udp-network.js';

const STACKS = { 'node-datachannel': nodeDataChannelRtc, werift: weriftRtc };

/** After three of them without a sign of life a way is doubted, after six the other side is taken for gone: more than a busy machine stands still. */
const OPTIONS = { heartbeat: 1_500, fallbackAfter: 20_000 };

/** Several ways are looked for one after the other, and an attempt that fails is followed by a longer pause. */
const PATIENCE = { timeout: 120_000 };

/** One who sends numbers until told to stop, and takes those of the other side. */
interface Talk {
  readonly call: Call;
  readonly got: readonly number[];
  /** The ways it has taken, in order. */
  readonly paths: readonly (string | undefined)[];
  /** Ends this direction; resolves with how many were sent, when the other side has taken them all. */
  stop(): Promise<number>;
}

function talk(call: Call): Talk {
  const got: number[] = [];
  const paths: (string | undefined)[] = [call.path];
  call.on('path', (path) => paths.push(path));
  void (async () => {
    for await (const { text } of call.messages()) got.push(Number(text));
  })();
  let stopped = false;
  const sending = (async () => {
    let sent = 0;
    for (; !stopped; sent++) {
      await call.send(String(sent));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await call.end();
    return sent;
  })();
  sending.catch(() => {});
  const stop = () => {
    stopped = true;
    return sending;
  };
  return { call, got, paths, stop };
}

/** Two who talk to each other. */
async function talking(caller: CallOptions, callee: CallOptions): Promise<readonly [Talk, Talk]> {
  const { alice, bob } = await pair({ ...OPTIONS, ...caller }, { ...OPTIONS, ...callee });
  const [a, b] = (await connect(alice, bob)).map(talk) as [Talk, Talk];
  await more([a, b]);
  return [a, b];
}

/** Waits until `has` holds for both; a call that is over waits for nothing. */
async function both(talks: readonly Talk[], has: (talk: Talk, i: number) => boolean): Promise<void> {
  const over = Promise.race(talks.map(({ call }) => call.ended)).then(({ reason, by }) => {
    throw new Error(`the call is over: ${reason}, by ${by}`);
  });
  let waiting = true;
  const held = until(() => talks.every(has) || !waiting || undefined);
  await Promise.race([held, over]).finally(() => {
    waiting = false;
  });
}

/** Waits until both have heard a hundred more. */
async function more(talks: readonly Talk[]): Promise<void> {
  const before = talks.map(({ got }) => got.length);
  await both(talks, ({ got }, i) => got.length > (before[i] as number) + 100);
}

const pathsOf = (talks: readonly Talk[]) => talks.map(({ call }) => call.path);

/**
 * Waits until both have left their way by what `happens`, and are on this one: of another kind, since who is faster to take a new one than
 * to miss the old one has nothing to tell.
 */
async function arrived(talks: readonly Talk[], path: string, happens: () => unknown): Promise<void> {
  // Before it happens: they may be quicker there than what happens is done.
  const before = talks.map(({ paths }) => paths.length);
  await happens();
  await both(talks, ({ paths }, i) => paths.length > (before[i] as number) && paths.at(-1) === path);
}

/** Ends both directions: each number has come once, in its place. */
async function allHeard([a, b]: readonly [Talk, Talk]): Promise<void> {
  const [byA, byB] = await Promise.all([a.stop(), b.stop()]);
  expect(b.got).toEqual(Array.from({ length: byA }, (_, i) => i));
  expect(a.got).toEqual(Array.from({ length: byB }, (_, i) => i));
  for (const { call } of [a, b]) expect(call.complete).toBe(true);
}

describe.each(['node-datachannel', 'werift'] as const)('a call over %s whose packets are swallowed', (stack) => {
  test('goes on over a new connection, and over MQTT where no packet passes any more', {
    ...PATIENCE,
  }, async () => {
    const network = udpNetwork();
    closing(() => network.close());
    const rtc = () => ({ rtc: network.through(STACKS[stack]()) });
    const talks = await talking(rtc(), rtc());
    expect(pathsOf(talks)).toEqual(['direct', 'direct']);

    await arrived(talks, 'mqtt', () => network.cut());
    await more(talks);
    await arrived(talks, 'direct', () => network.heal());
    const { forwarded } = network;
    await more(talks);
    expect(network.forwarded).toBeGreaterThan(forwarded);

    await arrived(talks, 'mqtt', () => network.cut());
    await more(talks);
    await allHeard(talks);
    expect(pathsOf(talks)).toEqual(['mqtt', 'mqtt']);
    for (const { paths } of talks) expect(paths.slice(0, 2)).toEqual(['direct', 'mqtt']);
  });
});

test('one whose stack has noticed nothing follows the other to MQTT', PATIENCE, async () => {
  const rtc = breakable(nodeDataChannelRtc());
  const talks = await talking({ rtc }, { rtc: nodeDataChannelRtc() });
  expect(pathsOf(talks)).toEqual(['direct', 'direct']);
  // The caller neither hears nor is heard any more, and its next connections are no better.
  await arrived(talks, 'mqtt', () => rtc.break(true));
  await more(talks);
  await allHeard(talks);
});

test('one who hopes for its way to come back follows the other to MQTT', PATIENCE, async () => {
  const rtc = breakable(nodeDataChannelRtc());
  const hopeful = { rtc, heartbeat: 2 * OPTIONS.heartbeat, fallbackAfter: 120_000 };
  const talks = await talking({ rtc: nodeDataChannelRtc() }, hopeful);
  expect(pathsOf(talks)).toEqual(['direct', 'direct']);
  // The caller misses the callee, who hears it again over MQTT.
  await arrived(talks, 'mqtt', () => rtc.break(true));
  await more(talks);
  await allHeard(talks);
});

describe.skipIf(!peer('coturn', coturnAvailable()))('a call by a TURN server that is shut down', () => {
  test('goes on by the next one, and over MQTT when there is none', PATIENCE, async () => {
    const [first, second] = [await startCoturn(), await startCoturn()];
    for (const server of [first, second]) closing(() => server.stop());
    let known = [first];
    const iceServers = () =>
      Promise.all(known.map(({ host, port, secret }) => turnCredentials(`turn:${host}:${port}`, { secret })));
    const calls = () => ({ rtc: nodeDataChannelRtc(), iceServers, policy: 'relay' as const });
    const talks = await talking(calls(), calls());
    expect(pathsOf(talks)).toEqual(['turn', 'turn']);
    const lose = (server: typeof first) => {
      known = [];
      return server.stop();
    };

    await arrived(talks, 'mqtt', () => lose(first));
    await arrived(talks, 'turn', () => {
      known = [second];
    });
    await more(talks);
    await arrived(talks, 'mqtt', () => lose(second));
    await more(talks);
    await allHeard(talks);
  });
});
