import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { answers, findProgram, freePort } from './programs.js';

/** A Mosquitto of one's own. */
export interface Mosquitto {
  readonly url: string;
  readonly wsUrl: string;
  /** Ends it as an administrator would; what it keeps stays. */
  stop(): Promise<void>;
  /** Ends it as a power cut would, save for what the operating system has yet to write. */
  kill(): Promise<void>;
  /** Starts it again after {@link stop} or {@link kill}, on the same ports and data. */
  restart(): Promise<void>;
}

/** How to start it. */
export interface MosquittoOptions {
  /** Folder for its data and configuration; a new one, removed by `stop`, unless given. */
  readonly dataDir?: string;
  /** Changes the text of the configuration further. */
  readonly configure?: (config: string) => string;
}

const TOP = fileURLToPath(new URL('../../', import.meta.url));

const CONFIG = 'mosquitto.conf';

/** The path of the mosquitto program, if it is installed. */
export function findMosquitto(): string | undefined {
  return findProgram('mosquitto');
}

/** Whether {@link startMosquitto} can work. */
export function mosquittoAvailable(): boolean {
  return findMosquitto() !== undefined;
}

/** Starts Mosquitto with the repository's own mosquitto.conf, in which only the ports are replaced. */
export async function startMosquitto({ dataDir, configure }: MosquittoOptions = {}): Promise<Mosquitto> {
  const folder = dataDir ?? (await mkdtemp(join(tmpdir(), 'sealmq-mosquitto-')));
  const [port, wsPort] = [await freePort(), await freePort()];
  const shipped = await readFile(join(TOP, CONFIG), 'utf8');
  const config = [
    [1883, port],
    [8083, wsPort],
  ].reduce((text, [from, to]) => replaceLine(text, new RegExp(`^listener ${from} `, 'm'), `listener ${to} `), shipped);
  await writeFile(join(folder, CONFIG), configure?.(config) ?? config);
  await copyFile(join(TOP, 'mosquitto.acl'), join(folder, 'mosquitto.acl'));

  let child = await launch(folder, [port, wsPort]);
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill(signal);
    await exit;
  };
  return {
    url: `mqtt://127.0.0.1:${port}`,
    wsUrl: `ws://127.0.0.1:${wsPort}`,
    stop: async () => {
      await end('SIGTERM');
      if (dataDir === undefined) await rm(folder, { recursive: true, force: true });
    },
    kill: () => end('SIGKILL'),
    restart: async () => {
      await end('SIGTERM');
      child = await launch(folder, [port, wsPort]);
    },
  };
}

/** Runs `mosquitto -c mosquitto.conf` there, as one does at the top of the repository, until all `ports` answer. */
async function launch(folder: string, ports: readonly number[]): Promise<ChildProcess> {
  const program = findMosquitto();
  assert(program, 'mosquitto is not installed');
  const child = spawn(program, ['-c', CONFIG], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      output += text;
    });
  }
  for (const port of ports) {
    while (!(await answers(port))) {
      assert.equal(child.exitCode, null, `mosquitto ended: ${output}`);
      await sleep(10);
    }
  }
  return child;
}

function replaceLine(text: string, line: RegExp, replacement: string): string {
  assert.match(text, line, 'mosquitto.conf is not what the tests expect');
  return text.replace(line, replacement);
}
