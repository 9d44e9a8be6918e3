import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { seededRandom } from '../../src/testing/seeded.js';
import { closing, createWorld, until } from '../client/world.js';
import { type Listener, victim } from './processes.js';
import type { Task } from './task.js';

/** What a process has said; those of its lives follow one another. */
interface Spoken {
  readonly process: Listener;
  readonly lines: string[];
}

function speaker(script: string, task: Task): Spoken {
  const lines: string[] = [];
  const process = victim(script, [JSON.stringify(task)], (line) => lines.push(line));
  closing(() => process.kill());
  return { process, lines };
}

/** The rest of the first line that begins with `word`, from the line `after` on. */
const said = ({ lines }: Spoken, word: string, after = 0) =>
  until(() =>
    lines
      .slice(after)
      .find((line) => line.startsWith(word))
      ?.slice(word.length + 1),
  );

/** Milliseconds after its step that somebody dies, at most. */
const LATE = 40;

/** Who is killed, and after which word of whom. */
const ROUNDS = [
  ['phone', 'phone', 'link'],
  ['laptop', 'phone', 'digits'],
  ['phone', 'laptop', 'digits'],
  ['laptop', 'laptop', 'digits'],
] as const;

test('either side is killed in the middle of a linking: no half device, and the link can be made again', {
  timeout: 240_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sealmq-linking-'));
  closing(() => rm(folder, { recursive: true, force: true }));
  const world = await createWorld();
  const alice = await world.join('alice');
  const random = seededRandom(5);
  const task = (name: string): Task => ({
    ...{ address: 'bob', store: join(folder, name), broker: world.brokerUrl, directory: world.directory.url },
    ...{ journal: '', to: '', messages: 0 },
  });
  const laptop = speaker('laptop-process.ts', task('laptop'));
  await laptop.process.start();
  const linkedDevices: string[] = [];
  for (const [n, [dies, speaks, word]] of ROUNDS.entries()) {
    const phone = speaker('phone-process.ts', task(`phone-${n}`));
    const both = { laptop, phone };
    const heard = { laptop: laptop.lines.length, phone: 0 };
    await phone.process.start();
    laptop.process.tell(await said(phone, 'link'));
    await said(both[speaks], word, heard[speaks]);
    await sleep(random.next(LATE));
    await both[dies].process.kill();
    // Somebody starts it again, and the phone's program too: its link was shown once.
    if (dies === 'laptop') await laptop.process.start();
    await phone.process.kill();
    const before = phone.lines.length;
    await phone.process.start();
    const first = await until(() => phone.lines[before]);
    if (first.startsWith('link ')) laptop.process.tell(first.slice('link '.length));
    const id = await said(phone, 'linked', before);
    linkedDevices.push(id);
    await alice.send('bob', `round ${n}`);
    expect(await said(phone, 'heard', before)).toBe(`round ${n}`);
    await phone.process.kill();
  }
  await laptop.process.kill();
  const own = await world.join('bob', { store: join(folder, 'laptop') });
  expect(own.devices.list().map(({ id }) => id)).toEqual([own.deviceId, ...linkedDevices]);
});
