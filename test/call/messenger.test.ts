import { describe, expect, test } from 'vitest';
import { nodeDataChannelRtc } from '../../src/adapters/rtc/node-datachannel.js';
import { weriftRtc } from '../../src/adapters/rtc/werift.js';
import type { Call } from '../../src/client/call/call.js';
import { connect, pair } from './talking.js';

const STACKS = {
  'node-datachannel': () => nodeDataChannelRtc(),
  werift: () => weriftRtc(),
  'MQTT alone': () => false as const,
};
type StackName = keyof typeof STACKS;

async function collect(call: Call, count: number): Promise<string[]> {
  const texts: string[] = [];
  for await (const { text, bytes } of call.messages()) {
    texts.push(text ?? `${bytes.length} bytes`);
    if (texts.length === count) break;
  }
  return texts;
}

describe.each(Object.keys(STACKS) as StackName[])('a call over %s', (stack) => {
  const rtc = () => ({ rtc: STACKS[stack]() });

  test('carries text and bytes both ways, of any size, and ends for both', async () => {
    const { alice, bob } = await pair(rtc());
    const [a, b] = await connect(alice, bob);
    expect(a.path).toBe(stack === 'MQTT alone' ? 'mqtt' : 'direct');
    expect(a.id).toBe(b.id);
    expect([a.peer.address, b.peer.address]).toEqual(['bob', 'alice']);
    const heard = collect(b, 3);
    await a.send('Hello Bob!');
    await a.send(new Uint8Array(0));
    await a.send(new Uint8Array(300_000).fill(7));
    expect(await heard).toEqual(['Hello Bob!', '0 bytes', '300000 bytes']);
    const back = collect(a, 1);
    await b.send('Hello Alice!', { ordered: false });
    expect(await back).toEqual(['Hello Alice!']);
    expect(a.stats()).toMatchObject({ sent: { messages: 3, bytes: 300_010 }, received: { messages: 1, bytes: 12 } });
    await a.hangUp();
    expect(await b.ended).toEqual({ reason: 'hangup', by: 'them' });
    expect(await a.ended).toEqual({ reason: 'hangup', by: 'us' });
    await expect(b.send('too late')).rejects.toMatchObject({ code: 'CALL_ENDED' });
  });

  test('waits for a slow reader, and loses nothing of what was sent before hanging up', async () => {
    const { alice, bob } = await pair(rtc());
    const [a, b] = await connect(alice, bob);
    const total = 40;
    let sent = 0;
    const sending = (async () => {
      for (; sent < total; sent++) await a.send(new Uint8Array(262_144).fill(sent));
      await a.hangUp();
    })();
    await new Promise((resolve) => setTimeout(resolve, 700));
    // Nobody reads: what was sent is bounded by the window and what the stack holds.
    expect(sent).toBeLessThan(total);
    const got: number[] = [];
    for await (const { bytes } of b.messages()) got.push(bytes[0] as number);
    await sending;
    expect(got).toEqual(Array.from({ length: total }, (_, i) => i));
  });

  test('ends in one direction, and goes on in the other', async () => {
    const { alice, bob } = await pair(rtc());
    const [a, b] = await connect(alice, bob);
    const lines = collect(b, 100);
    await a.send('the question');
    const asked = a.end();
    expect(await lines).toEqual(['the question']);
    await asked;
    expect([a.complete, b.complete]).toEqual([false, true]);
    const answers = collect(a, 100);
    for (let i = 0; i < 20; i++) await b.send(new Uint8Array(100_000));
    await b.send('the answer');
    await b.end();
    expect(await answers).toEqual([...Array.from({ length: 20 }, () => '100000 bytes'), 'the answer']);
    await a.hangUp();
    expect(await b.ended).toEqual({ reason: 'hangup', by: 'them' });
  });
});
