import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { answers, findProgram, freePort } from './programs.js';

/** Not the address of the clients: permissions at a TURN server are for addresses, and a client's own would pass beside its relay's. */
const RELAY = '127.0.0.2';

/** A TURN server of one's own. */
export interface Coturn {
  readonly host: string;
  readonly port: number;
  /** What {@link turnCredentials} is given. */
  readonly secret: string;
  stop(): Promise<void>;
}

/** How to start it. */
export interface CoturnOptions {
  /** Where it listens and relays; default 127.0.0.1. */
  readonly host?: string;
  /** Whether clients may come by UDP, and not by TCP alone; default true. */
  readonly udp?: boolean;
}

/** Whether {@link startCoturn} can work. */
export function coturnAvailable(): boolean {
  return findProgram('turnserver') !== undefined;
}

/** Starts coturn, with the REST convention's shared secret and nothing of the machine's configuration. */
export async function startCoturn({ host = '127.0.0.1', udp = true }: CoturnOptions = {}): Promise<Coturn> {
  const program = findProgram('turnserver');
  assert(program, 'coturn is not installed');
  const folder = await mkdtemp(join(tmpdir(), 'sealmq-coturn-'));
  const [port, secret] = [await freePort(), 'north'];
  const args = [
    ...['-n', '--no-cli', '--no-tls', '--no-dtls', '--realm', 'sealmq.test', '--allow-loopback-peers'],
    ...['--use-auth-secret', '--static-auth-secret', secret, '--log-file', 'stdout', '--simple-log'],
    ...['--listening-ip', host, '--relay-ip', host === '127.0.0.1' ? RELAY : host, '--listening-port', String(port)],
    ...['--pidfile', join(folder, 'pid'), '--userdb', join(folder, 'turndb'), ...(udp ? [] : ['--no-udp'])],
  ];
  const child = spawn(program, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      output = `${output}${text}`.slice(-10_000);
    });
  }
  while (!(await answers(port, host))) {
    assert.equal(child.exitCode, null, `coturn ended: ${output}`);
    await sleep(10);
  }
  return {
    ...{ host, port, secret },
    async stop() {
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      if (child.exitCode === null && child.signalCode === null) await exit;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
