import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const FILTER = fileURLToPath(new URL('without-udp.py', import.meta.url));

/** Whether {@link runWithoutUdp} can work: on Linux, with Python. */
export function withoutUdpAvailable(): boolean {
  return spawnSync('python3', [FILTER, 'true']).status === 0;
}

/** Runs a script in a process whose UDP packets a firewall refuses, and answers what it wrote to its standard output. */
export async function runWithoutUdp(script: URL, args: readonly string[]): Promise<string> {
  const node = [process.execPath, '--import', 'tsx', fileURLToPath(script), ...args];
  const child = spawn('python3', [FILTER, ...node], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (text) => {
    output += text;
  });
  await once(child, 'close');
  return output.trim();
}
