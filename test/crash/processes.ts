import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type MosquittoOptions, startMosquitto } from '../peers/mosquitto.js';

/** Something that runs in processes of its own, one after the other. */
export interface Victim {
  /** Starts it and waits for its first sign of life, or for the kill. */
  start(): Promise<void>;
  /** SIGKILL, at whatever it is doing. */
  kill(): Promise<void>;
}

/** One that listens, too. */
export interface Listener extends Victim {
  /** Writes a line to what it reads. */
  tell(line: string): void;
  /** Waits until it has died by itself. */
  gone(): Promise<void>;
}

/** A broker that can be killed, and can lose all it knows. */
export interface VictimBroker extends Victim {
  readonly url: string;
  /** Only while it is killed. */
  loseEverything(): Promise<void>;
}

/** A script beside this file. */
export function victim(script: string, args: readonly string[], onLine: (line: string) => void = () => {}): Listener {
  const path = fileURLToPath(new URL(script, import.meta.url));
  let child: ChildProcess | undefined;
  return {
    async start() {
      const started = spawn(process.execPath, ['--import', 'tsx', path, ...args], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      child = started;
      const lines = createInterface({ input: started.stdout });
      lines.on('line', onLine);
      await Promise.race([once(lines, 'line'), once(started, 'exit')]);
    },
    tell(line) {
      child?.stdin?.write(`${line}\n`);
    },
    async gone() {
      if (child && child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
    async kill() {
      if (!child || child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** The broker of the package, with LevelDB in `data`. */
export function embeddedBroker(data: string, port: number): VictimBroker {
  return {
    ...victim('../broker/broker-process.ts', [data, String(port)]),
    url: `mqtt://127.0.0.1:${port}`,
    loseEverything: () => rm(data, { recursive: true, force: true }),
  };
}

/** Mosquitto with the shipped configuration. It has been started. */
export async function mosquittoBroker(options: MosquittoOptions & { dataDir: string }): Promise<VictimBroker> {
  const { url, kill, restart } = await startMosquitto(options);
  return {
    url,
    kill,
    start: restart,
    loseEverything: () => rm(`${options.dataDir}/mosquitto.db`, { force: true }),
  };
}
