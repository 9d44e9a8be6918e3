import { describe, expect, test } from 'vitest';
import { nodeDataChannelRtc } from '../../src/adapters/rtc/node-datachannel.js';
import { weriftRtc } from '../../src/adapters/rtc/werift.js';
import type { Rtc } from '../../src/ports/rtc.js';
import { connect, first, pair } from './talking.js';

/** A stack that announces a certificate which it does not have: as if somebody stood between the two. */
function announcing(rtc: Rtc, change: (sdp: string) => string): Rtc {
  return {
    name: rtc.name,
    create(options) {
      const connection = rtc.create(options);
      return Object.assign(Object.create(connection), {
        offer: async () => change(await connection.offer()),
        answer: async (sdp: string) => change(await connection.answer(sdp)),
      });
    },
  };
}

const forged = (sdp: string) =>
  sdp.replace(/(a=fingerprint:\S+ )(..)/gi, (_, start, byte) => start + (byte === '00' ? '11' : '00'));

const honest = (sdp: string) => sdp;

const STACKS = { 'node-datachannel': nodeDataChannelRtc, werift: weriftRtc };

describe.each(Object.keys(STACKS) as (keyof typeof STACKS)[])('over %s', (name) => {
  const calls = (change: typeof honest, fallbackAfter: number) => ({
    ...{ rtc: announcing(STACKS[name](), change), fallbackAfter },
  });

  test('a certificate that was announced is a direct way', async () => {
    const { alice, bob } = await pair(calls(honest, 20_000));
    const [a, b] = await connect(alice, bob);
    expect([a.path, b.path]).toEqual(['direct', 'direct']);
  });

  test.each(['caller', 'callee'])('one that the %s did not announce is none', async (liar) => {
    const both = [calls(forged, 400), calls(honest, 400)] as const;
    const { alice, bob } = await (liar === 'caller' ? pair(...both) : pair(both[1], both[0]));
    const [a, b] = await connect(alice, bob);
    const paths: (string | undefined)[] = [];
    for (const call of [a, b]) call.on('path', (path) => paths.push(path));
    const heard = first(b);
    await a.send('by the broker, under the keys of the call');
    expect(await heard).toBe('by the broker, under the keys of the call');
    expect([a.path, b.path]).toEqual(['mqtt', 'mqtt']);
    expect(paths).not.toContain('direct');
  });
});
