import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A process of its own that runs `store-process.ts`; killed where it still runs when the test ends. */
export interface StoreProcess {
  /** Lines of its output as they come. */
  readonly lines: AsyncIterableIterator<string>;
  kill(): Promise<void>;
}

/**
 * Starts a process on the store in `folder`.
 *
 * @param fileBlocks - largest file it may write, in blocks of 512 bytes
 */
export function startStoreProcess(task: string, folder: string, fileBlocks?: number): StoreProcess {
  const script = fileURLToPath(new URL('./store-process.ts', import.meta.url));
  const command = [process.execPath, '--import', 'tsx', script, task, folder].map((part) => `'${part}'`).join(' ');
  const limit = fileBlocks === undefined ? '' : `ulimit -S -f ${fileBlocks}; `;
  const child = spawn('sh', ['-c', `${limit}exec ${command}`], { stdio: ['ignore', 'pipe', 'inherit'] });
  return {
    lines: linesOf(child.stdout),
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}

async function* linesOf(stream: NodeJS.ReadableStream): AsyncIterableIterator<string> {
  let rest = '';
  for await (const chunk of stream) {
    const parts = (rest + String(chunk)).split('\n');
    rest = parts.pop() ?? '';
    yield* parts;
  }
}
