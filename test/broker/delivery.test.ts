import { describe, expect, it, vi } from 'vitest';
import { afterTest, connect, numbered, openBroker, openFolder, publishAll, resume } from './clients.js';

const LONG = 20_000;

describe.each(['memory', 'a folder'])('a broker that keeps its sessions in %s', (where) => {
  const open = async () => (await openBroker(where === 'memory' ? {} : { data: await openFolder() })).mqttUrl ?? '';

  it('queues for a session whose client is away', async () => {
    const url = await open();
    const away = await resume(url, 'receiver');
    await away.client.subscribeAsync('nes/bob/message', { qos: 1 });
    await away.client.endAsync();
    await publishAll(await connect(url), 'nes/bob/message', ['one', 'two']);
    const back = await resume(url, 'receiver');
    await vi.waitFor(() => expect(back.received).toEqual(['one', 'two']));
  });

  it('hands 3,000 queued messages over in order', async () => {
    const url = await open();
    const away = await resume(url, 'receiver');
    await away.client.subscribeAsync('nes/bob/message', { qos: 1 });
    await away.client.endAsync();
    await publishAll(await connect(url), 'nes/bob/message', numbered(3_000));
    const back = await resume(url, 'receiver');
    await vi.waitFor(() => expect(back.received).toHaveLength(3_000), LONG);
    expect(back.received).toEqual(numbered(3_000));
  });

  it('hands messages over live, in order, all of them, whatever QoS 0 runs beside', async () => {
    const url = await open();
    const receiver = await resume(url, 'receiver');
    await receiver.client.subscribeAsync({ 'nes/bob/message': { qos: 1 }, 'nes/room/frame': { qos: 0 } });
    const publisher = await connect(url);
    const noise = setInterval(() => {
      for (let count = 0; count < 50; count += 1) publisher.publish('nes/room/frame', 'frame');
    });
    afterTest(async () => clearInterval(noise));
    const texts = numbered(5_000);
    await publishAll(publisher, 'nes/bob/message', texts);
    clearInterval(noise);
    const messages = () => receiver.received.filter((text) => text !== 'frame');
    await vi.waitFor(() => expect(messages()).toHaveLength(texts.length), LONG);
    expect(messages()).toEqual(texts);
    expect(receiver.received).toContain('frame');
  });

  it('loses nothing to a receiver that comes and goes while messages arrive, and keeps their order', async () => {
    const url = await open();
    let { client, received } = await resume(url, 'receiver');
    await client.subscribeAsync('nes/bob/message', { qos: 1 });
    const texts = numbered(4_000);
    const publishing = publishAll(await connect(url), 'nes/bob/message', texts);
    let next = 0;
    while (next < texts.length) {
      await vi.waitFor(() => expect(received.length).toBeGreaterThan(0), LONG);
      // Let some rounds end in the middle of things, and the last ones bring the rest.
      if (next > 1_000) await vi.waitFor(() => expect(received.at(-1)).toBe(texts.at(-1)), LONG);
      await client.endAsync(true);
      const first = Number(received[0]);
      expect(first).toBeLessThanOrEqual(next);
      expect(received).toEqual(texts.slice(first, first + received.length));
      next = Math.max(next, first + received.length);
      ({ client, received } = await resume(url, 'receiver'));
    }
    await publishing;
  });

  it('puts what comes live behind a queue that a slow receiver is still being sent', async () => {
    const url = await open();
    const away = await resume(url, 'receiver');
    await away.client.subscribeAsync('nes/bob/message', { qos: 1 });
    await away.client.endAsync();
    // More than sockets take, and few enough for a stream to read ahead.
    const queued = numbered(12).map((n) => n.padEnd(1 << 20, ' '));
    const publisher = await connect(url);
    await publishAll(publisher, 'nes/bob/message', queued);
    let read = () => {};
    const awake = new Promise<void>((resolve) => {
      read = resolve;
    });
    const back = await resume(url, 'receiver', {}, (_packet, done) => void awake.then(() => done()));
    await vi.waitFor(() => expect(back.received).toHaveLength(1));
    await new Promise((resolve) => setTimeout(resolve, 200));
    await publishAll(publisher, 'nes/bob/message', ['12', '13']);
    read();
    await vi.waitFor(() => expect(back.received).toHaveLength(14), LONG);
    expect(back.received.map((text) => text.trim())).toEqual(numbered(14));
  });

  it('keeps retained messages, and forgets them when told', async () => {
    const url = await open();
    const publisher = await connect(url);
    await publisher.publishAsync('nes/bob/state/a', 'old', { qos: 1, retain: true });
    await publisher.publishAsync('nes/bob/state/a', 'new', { qos: 1, retain: true });
    await publisher.publishAsync('nes/bob/state/b', 'gone', { qos: 1, retain: true });
    await publisher.publishAsync('nes/bob/state/b', '', { qos: 1, retain: true });
    const late = await resume(url, 'receiver');
    await late.client.subscribeAsync('nes/bob/state/+', { qos: 1 });
    await publisher.publishAsync('nes/bob/state/c', 'live', { qos: 1 });
    await vi.waitFor(() => expect([...late.received].sort()).toEqual(['live', 'new']));
  });

  it('hands one copy to a client whose filters overlap', async () => {
    const url = await open();
    const receiver = await resume(url, 'receiver');
    await receiver.client.subscribeAsync({ 'nes/+/message': { qos: 1 }, 'nes/bob/#': { qos: 1 } });
    await publishAll(await connect(url), 'nes/bob/message', numbered(100));
    await vi.waitFor(() => expect(receiver.received.at(-1)).toBe('99'));
    expect(receiver.received).toEqual(numbered(100));
  });

  it('queues nothing for a filter of QoS 0', async () => {
    const url = await open();
    for (const [name, qos] of [
      ['certain', 1],
      ['casual', 0],
    ] as const) {
      const { client } = await resume(url, name);
      await client.subscribeAsync('nes/bob/message', { qos });
      await client.endAsync();
    }
    const publisher = await connect(url);
    await publishAll(publisher, 'nes/bob/message', ['while away']);
    const certain = await resume(url, 'certain');
    await vi.waitFor(() => expect(certain.received).toEqual(['while away']));
    const casual = await resume(url, 'casual');
    await casual.client.subscribeAsync('nes/bob/control', { qos: 1 });
    await publishAll(publisher, 'nes/bob/control', ['live']);
    await vi.waitFor(() => expect(casual.received).toEqual(['live']));
  });

  it('publishes the will of a client that is cut off', async () => {
    const url = await open();
    const receiver = await resume(url, 'receiver');
    await receiver.client.subscribeAsync('nes/bob/will', { qos: 1 });
    const will = { topic: 'nes/bob/will', payload: Buffer.from('gone'), qos: 1, retain: false } as const;
    const mortal = await connect(url, { will });
    mortal.stream.destroy();
    await vi.waitFor(() => expect(receiver.received).toEqual(['gone']));
  });

  it('delivers QoS 2 exactly once', async () => {
    const url = await open();
    const receiver = await resume(url, 'receiver');
    await receiver.client.subscribeAsync('twice', { qos: 2 });
    const publisher = await connect(url);
    for (const text of numbered(50)) await publisher.publishAsync('twice', text, { qos: 2 });
    await vi.waitFor(() => expect(receiver.received).toEqual(numbered(50)));
  });

  it('is not held up for the others by a receiver that stops reading', async () => {
    const url = await open();
    const frozen = await connect(url);
    await frozen.subscribeAsync('frozen', { qos: 0 });
    // Who does not take a message is not sent the next, once the buffers on the way are full.
    frozen.handleMessage = () => {};
    const [loud, louder] = [await connect(url), await connect(url)];
    for (let count = 0; count < 300; count += 1) loud.publish('frozen', Buffer.alloc(100_000));
    for (let count = 0; count < 2_000; count += 1) louder.publish('frozen', 'text');
    const receiver = await resume(url, 'receiver');
    await receiver.client.subscribeAsync('nes/bob/message', { qos: 1 });
    await publishAll(await connect(url), 'nes/bob/message', numbered(2_000));
    await vi.waitFor(() => expect(receiver.received).toEqual(numbered(2_000)), LONG);
  });

  it('takes an acknowledgement for the message it belongs to, whatever was sent before a reconnect', async () => {
    // aedes begins with a random packet identifier: let it be the same for each connection.
    const random = vi.spyOn(Math, 'random').mockReturnValue(0.5);
    afterTest(async () => random.mockRestore());
    const url = await open();
    const publisher = await connect(url, { clientId: 'publisher' });
    const witness = await resume(url, 'witness');
    await witness.client.subscribeAsync('nes/bob/message', { qos: 1 });
    const unread: (() => void)[] = [];
    const resumeUnread = async () => {
      const { client, received } = await resume(url, 'receiver', {}, (_packet, done) => void unread.push(done));
      return { client, received };
    };

    const first = await resumeUnread();
    await first.client.subscribeAsync('nes/bob/message', { qos: 1 });
    await publishAll(publisher, 'nes/bob/message', ['0', '1', '2']);
    await vi.waitFor(() => expect(first.received).toEqual(['0']));
    await first.client.endAsync(true);

    // It has all six in its socket, and takes the three that it was sent before.
    const second = await resumeUnread();
    await vi.waitFor(() => expect(second.received).toEqual(['0']));
    await publishAll(publisher, 'nes/bob/message', ['3', '4', '5']);
    await vi.waitFor(() => expect(witness.received).toEqual(numbered(6)));
    await publisher.publishAsync('elsewhere', 'text', { qos: 1 });
    for (const count of [1, 2, 3]) {
      unread.at(-1)?.();
      await vi.waitFor(() => expect(second.received).toHaveLength(count + 1));
    }
    await second.client.endAsync();

    const third = await resume(url, 'receiver');
    await vi.waitFor(() => expect(third.received).toEqual(['3', '4', '5']));
  });

  it('keeps the connection of a receiver that changes its mind while messages arrive', async () => {
    const url = await open();
    const { client, received } = await resume(url, 'receiver');
    const publisher = await connect(url);
    let publishing = true;
    const flood = (async () => {
      while (publishing) await publishAll(publisher, 'nes/bob/message', numbered(200));
    })();
    for (let round = 0; round < 40; round += 1) {
      await client.subscribeAsync('nes/bob/message', { qos: 1 });
      await client.unsubscribeAsync('nes/bob/message');
    }
    publishing = false;
    await flood;
    expect(client.connected).toBe(true);
    expect(received.length).toBeGreaterThan(0);
  });
});
