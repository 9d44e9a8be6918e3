/** Alice → Bob with Carol listening in, over a real Mosquitto that runs the repository's own mosquitto.conf. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createKeyProvider } from 'sealmq/server';
import { tellStory } from './story.js';

const program = findProgram('mosquitto');
if (program) await storyOver(program);
else if (process.env.SEALMQ_REQUIRE_PEERS === '1') throw new Error('mosquitto is not installed');
else console.log('skipped: mosquitto not installed');

async function storyOver(mosquitto: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sealmq-example-'));
  const [port, wsPort] = [await freePort(), await freePort()];
  const config = await readFile('mosquitto.conf', 'utf8');
  await writeFile(
    join(folder, 'mosquitto.conf'),
    config.replace('listener 1883', `listener ${port}`).replace('listener 8083', `listener ${wsPort}`),
  );
  await copyFile('mosquitto.acl', join(folder, 'mosquitto.acl'));
  const child = spawn(mosquitto, ['-c', 'mosquitto.conf'], { cwd: folder, stdio: 'ignore' });
  const directory = await createKeyProvider();
  try {
    await tellStory(`mqtt://127.0.0.1:${port}`, directory.url);
  } finally {
    await directory.close();
    child.kill();
    await once(child, 'exit');
    await rm(folder, { recursive: true, force: true });
  }
}

/** Debian has daemons in /usr/sbin, and does not have that in everybody's PATH. */
function findProgram(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin'];
  return folders
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
