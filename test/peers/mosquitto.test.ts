import { spawnSync } from 'node:child_process';
import { stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { afterTest, connect, numbered, openFolder, publishAll, resume } from '../broker/clients.js';
import { findMosquitto, type MosquittoOptions, mosquittoAvailable, startMosquitto } from './mosquitto.js';
import { peer } from './require.js';

const LONG = 20_000;

async function open(options: MosquittoOptions = {}) {
  const mosquitto = await startMosquitto(options);
  afterTest(() => mosquitto.stop());
  return mosquitto;
}

describe.skipIf(!peer('mosquitto', mosquittoAvailable()))('Mosquitto with the shipped mosquitto.conf', () => {
  it('keeps its data beside its configuration, wherever that is and whoever starts it', async () => {
    const dataDir = await openFolder();
    const mosquitto = await open({ dataDir });
    await (await connect(mosquitto.url)).publishAsync('nes/bob/state/a', 'kept', { qos: 1, retain: true });
    await mosquitto.stop();
    expect((await stat(join(dataDir, 'mosquitto.db'))).size).toBeGreaterThan(0);
    await mosquitto.restart();
    const late = await resume(mosquitto.wsUrl, 'late');
    await late.client.subscribeAsync('nes/bob/state/+', { qos: 1 });
    await vi.waitFor(() => expect(late.received).toEqual(['kept']), LONG);
  });

  // Mosquitto 2.0 gives a WebSocket 4 KiB ten times a second: the longest message would take 40 s.
  it.each([
    ['url', 1_500_000],
    ['wsUrl', 50_000],
  ] as const)('carries messages over its %s', async (listener, longest) => {
    const url = (await open())[listener];
    const [left, right] = [await connect(url), await connect(url)];
    const payloads = [1, 4_000, longest].map((size) => Buffer.alloc(size, 1));
    const received: Buffer[] = [];
    right.on('message', (_topic, payload) => received.push(payload));
    await right.subscribeAsync('nes/bob/message', { qos: 1 });
    for (const payload of payloads) await left.publishAsync('nes/bob/message', payload, { qos: 1 });
    await vi.waitFor(() => expect(received).toHaveLength(payloads.length), LONG);
    expect(received.every((payload, index) => payload.equals(payloads[index] ?? Buffer.alloc(0)))).toBe(true);
  });

  it('hands 3,000 queued messages over in order, also after it was ended and started again', async () => {
    const mosquitto = await open();
    const away = await resume(mosquitto.url, 'receiver');
    await away.client.subscribeAsync('nes/bob/message', { qos: 1 });
    await away.client.endAsync();
    await publishAll(await connect(mosquitto.url), 'nes/bob/message', numbered(3_000));
    await mosquitto.restart();
    const back = await resume(mosquitto.url, 'receiver');
    await vi.waitFor(() => expect(back.received).toHaveLength(3_000), LONG);
    expect(back.received).toEqual(numbered(3_000));
  });

  it('has what it queued more than a moment before it was killed', async () => {
    const mosquitto = await open();
    const away = await resume(mosquitto.url, 'receiver');
    await away.client.subscribeAsync('nes/bob/message', { qos: 1 });
    await away.client.endAsync();
    const publisher = await connect(mosquitto.url);
    publisher.on('error', () => {});
    await publishAll(publisher, 'nes/bob/message', numbered(100));
    // autosave_interval is a second, and Mosquitto looks once a second.
    await sleep(3_000);
    await mosquitto.kill();
    await mosquitto.restart();
    const back = await resume(mosquitto.url, 'receiver');
    await vi.waitFor(() => expect(back.received).toEqual(numbered(100)), LONG);
  });

  it('speaks MQTT 5 and 3.1.1', async () => {
    const { url, wsUrl } = await open();
    for (const protocolVersion of [4, 5] as const) {
      expect((await connect(url, { protocolVersion })).connected).toBe(true);
      expect((await connect(wsUrl, { protocolVersion })).connected).toBe(true);
    }
  });

  it('lets each read its own and write to all, with the shipped mosquitto.acl', async () => {
    const folder = await openFolder();
    const passwords = join(folder, 'passwords');
    await writeFile(passwords, 'alice:word\nbob:word\n', { mode: 0o600 });
    const hashed = spawnSync(join(dirname(findMosquitto() ?? ''), '../bin/mosquitto_passwd'), ['-U', passwords]);
    expect(hashed.error ?? hashed.status).toBe(0);
    const { url } = await open({
      configure: (config) =>
        config
          .replace('allow_anonymous true', 'allow_anonymous false')
          .replace(/^#password_file .*$/m, `password_file ${passwords}`)
          .replace(/^#acl_file /m, 'acl_file '),
    });
    await expect(connect(url)).rejects.toMatchObject({ code: 5 });

    const alice = await resume(url, 'alice', { username: 'alice', password: 'word' });
    const bob = await resume(url, 'bob', { username: 'bob', password: 'word' });
    const others = [
      'nes/bob/message',
      'nes/+/message',
      'nes/bob/will',
      'nes/+/state/+',
      'nes/relay/hand-in',
      'nes/#',
      '#',
    ];
    for (const filter of [...others, '$SYS/#', '$share/group/nes/bob/message'])
      await alice.client.subscribeAsync(filter, { qos: 1 });
    for (const filter of ['nes/bob/message', 'nes/bob/will', 'nes/bob/state/+'])
      await bob.client.subscribeAsync(filter, { qos: 1 });
    await alice.client.publishAsync('nes/bob/message', 'to Bob', { qos: 1 });
    await alice.client.publishAsync('nes/bob/will', 'the end', { qos: 1 });
    await alice.client.publishAsync('nes/bob/state/x', 'a state', { qos: 1, retain: true });
    await bob.client.publishAsync('nes/relay/hand-in', 'for many', { qos: 1 });
    const stray = await connect(url, { username: 'alice', password: 'word', protocolVersion: 5 });
    await expect(stray.publishAsync('nes/bob/other', 'stray', { qos: 1 })).rejects.toThrow('Not authorized');
    await bob.client.publishAsync('nes/alice/message', 'to Alice', { qos: 1 });
    await vi.waitFor(() => expect(bob.received).toEqual(['to Bob', 'the end', 'a state']), LONG);
    await vi.waitFor(() => expect(alice.received).toEqual(['to Alice']), LONG);
  });
});

describe('peer', () => {
  it('lets run what is there', () => {
    expect(peer('something', true)).toBe(true);
  });

  it('skips what is missing, in one line, or fails when all are asked for', () => {
    const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    try {
      vi.stubEnv('SEALMQ_REQUIRE_PEERS', '');
      expect(peer('something', false)).toBe(false);
      expect(write.mock.calls).toEqual([['skipped: something not installed\n']]);
      vi.stubEnv('SEALMQ_REQUIRE_PEERS', '1');
      expect(() => peer('something', false)).toThrow('something is not installed');
    } finally {
      vi.unstubAllEnvs();
      write.mockRestore();
    }
  });
});
