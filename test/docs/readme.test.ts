import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { createBroker } from '../../src/server/broker/broker.js';
import { createKeyProvider } from '../../src/server/key-provider/key-provider.js';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A snippet of the README, run as a program of its own with the built package. */
function program(source: string, home: string): ChildProcess {
  const env = { ...process.env, SEALMQ_HOME: home };
  return spawn(process.execPath, ['--input-type=module', '--eval', source], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

const exited = (child: ChildProcess) => new Promise<number | null>((resolve) => child.once('exit', resolve));

test("the README's two programs talk to each other", async () => {
  const broker = await createBroker();
  const directory = await createKeyProvider();
  const home = await mkdtemp(join(tmpdir(), 'sealmq-readme-'));
  closers.push(
    () => rm(home, { recursive: true, force: true }),
    () => broker.close(),
    () => directory.close(),
  );
  const readme = await readFile('README.md', 'utf8');
  const snippets = [...readme.matchAll(/```js\n([\s\S]*?)```/g)].map((match) =>
    (match[1] as string)
      .replace('mqtt://127.0.0.1:1883', broker.mqttUrl as string)
      .replace('http://127.0.0.1:8080', directory.url),
  );
  expect(snippets).toHaveLength(2);
  const [bobs, alices] = snippets as [string, string];

  const bob = program(bobs, home);
  closers.push(() => bob.kill());
  const heard = new Promise<string>((resolve) => bob.stdout?.once('data', (data) => resolve(String(data))));
  // Alice can only write to somebody who has registered.
  const registered = async () => (await fetch(`${directory.url}/v1/keys/bob`)).ok;
  while (!(await registered())) await new Promise((resolve) => setTimeout(resolve, 50));
  expect(await exited(program(alices, home))).toBe(0);
  expect(await heard).toBe('alice: Hello Bob!\n');
});
