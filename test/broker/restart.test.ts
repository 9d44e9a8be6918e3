import { type ChildProcess, spawn } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import { createBroker } from '../../src/server/broker/broker.js';
import { afterTest, connect, next, numbered, openBroker, openFolder, publishAll, resume } from './clients.js';

const SCRIPT = fileURLToPath(new URL('./broker-process.ts', import.meta.url));

async function startProcess(data: string): Promise<{ url: string; child: ChildProcess }> {
  const child = spawn(process.execPath, ['--import', 'tsx', SCRIPT, data], { stdio: ['ignore', 'pipe', 'inherit'] });
  afterTest(async () => child.kill('SIGKILL'));
  const [url] = await next(createInterface(child.stdout), 'line');
  return { url: String(url), child };
}

describe('a broker with a data folder', () => {
  it('makes the folder for its owner alone', async () => {
    const data = join(await openFolder(), 'deep', 'broker');
    await openBroker({ data });
    expect((await stat(data)).mode & 0o777).toBe(0o700);
  });

  it('keeps sessions, queues and retained messages over many lives, in order', async () => {
    const data = await openFolder();
    const lives = 6;
    for (let life = 0; life < lives; life += 1) {
      const broker = await createBroker({ data });
      const url = broker.mqttUrl ?? '';
      if (life === 0) {
        const { client } = await resume(url, 'receiver');
        await client.subscribeAsync('nes/bob/message', { qos: 1 });
        await client.endAsync();
      }
      const publisher = await connect(url);
      const texts = numbered(20).map((text) => `${life}:${text}`);
      await publishAll(publisher, 'nes/bob/message', texts);
      await publisher.publishAsync('nes/bob/state/life', String(life), { qos: 1, retain: true });
      await broker.close();
    }

    const { mqttUrl = '' } = await openBroker({ data });
    const { client, received } = await resume(mqttUrl, 'receiver');
    const expected = numbered(lives).flatMap((life) => numbered(20).map((text) => `${life}:${text}`));
    await vi.waitFor(() => expect(received).toHaveLength(expected.length), 10_000);
    expect(received).toEqual(expected);
    await client.subscribeAsync('nes/bob/state/+', { qos: 1 });
    await vi.waitFor(() => expect(received.at(-1)).toBe(String(lives - 1)));
  });

  it('has every message it acknowledged, though it was killed', async () => {
    const data = await openFolder();
    const first = await startProcess(data);
    const away = await resume(first.url, 'receiver');
    await away.client.subscribeAsync('nes/bob/message', { qos: 1 });
    await away.client.endAsync();

    const acknowledged: string[] = [];
    const publisher = await connect(first.url);
    publisher.on('error', () => {});
    for (const text of numbered(20_000)) {
      publisher.publish('nes/bob/message', text, { qos: 1 }, (error) => {
        if (error) return;
        acknowledged.push(text);
        if (acknowledged.length === 1_000) first.child.kill('SIGKILL');
      });
    }
    await next(first.child, 'exit');
    await publisher.endAsync(true);
    expect(acknowledged.length).toBeGreaterThanOrEqual(1_000);
    expect(acknowledged.length).toBeLessThan(20_000);

    const second = await startProcess(data);
    const { received } = await resume(second.url, 'receiver');
    await vi.waitFor(() => expect(received.length).toBeGreaterThanOrEqual(acknowledged.length), 10_000);
    expect(received.slice(0, acknowledged.length)).toEqual(acknowledged);
  });
});
