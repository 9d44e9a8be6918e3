import { cp, mkdir, mkdtemp, readdir, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { toHex } from '../../src/bytes/bytes.js';
import { Messenger } from '../../src/client/messenger.js';
import type { MessengerOptions } from '../../src/client/options.js';
import { isSealMQError } from '../../src/errors.js';
import { linkTo, showLink } from './linking.js';
import { closing, createWorld } from './world.js';

/** What is done to one file. */
const DAMAGES: Record<string, (path: string) => Promise<void>> = {
  'cut in half': async (path) => truncate(path, Math.floor((await stat(path)).size / 2)),
  emptied: (path) => truncate(path),
  removed: (path) => rm(path),
};

/** The files without which there is no state; `LOG` and `LOCK` are LevelDB's scratch paper. */
const isState = (name: string) => !/^LOG|^LOCK$/.test(name);

async function folders(): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), 'sealmq-damage-'));
  closing(() => rm(parent, { recursive: true, force: true }));
  return parent;
}

/** How a folder came to be. */
interface History {
  readonly lives: number;
  /** Whether it is that of a second device. */
  readonly linked?: boolean;
}

/** Alice's folder after so many lives with some messages each, closed. */
async function usedFolder({ lives, linked = false }: History) {
  const world = await createWorld();
  await world.join('bob');
  const parent = await folders();
  const store = join(parent, 'alice');
  const options = { store };
  for (let life = 0; life < lives; life++) {
    const isNew = linked && life === 0;
    const alice = isNew ? await linkTo(world, await world.join('alice'), options) : await world.join('alice', options);
    for (let i = 0; i < 5; i++) await (await alice.send('bob', `${life}/${i}`)).published;
    await alice.close();
  }
  const base = { address: 'alice', broker: world.brokerUrl, directory: world.directory.url, ...options };
  return { world, parent, store, base };
}

/** Who opens the folder, or the code that says why nobody does. */
async function opened(options: MessengerOptions): Promise<string> {
  try {
    const messenger = await Messenger.open(options);
    const { record, deviceId } = messenger;
    await messenger.close();
    return `${toHex(record.identity)} ${deviceId}`;
  } catch (error) {
    return isSealMQError(error) ? error.code : String(error);
  }
}

test.each([
  ['one life', { lives: 1 }],
  ['three lives', { lives: 3 }],
  ['a linked device', { lives: 1, linked: true }],
] as readonly (readonly [string, History])[])(
  'a folder of %s, of which one file is damaged: the same account or STATE_CORRUPT',
  async (_name, history) => {
    const { parent, store, base } = await usedFolder(history);
    const whole = join(parent, 'whole');
    await cp(store, whole, { recursive: true });
    const account = await opened(base);
    expect(account).toMatch(/^[0-9a-f]+ /);
    const outcomes: Record<string, string> = {};
    for (const name of (await readdir(whole)).sort()) {
      for (const [damage, spoil] of Object.entries(DAMAGES)) {
        const copy = join(parent, `${name} ${damage}`);
        await cp(whole, copy, { recursive: true });
        await spoil(join(copy, name));
        const before = (await readdir(copy)).filter((name) => /\.ldb$|^data-key$/.test(name));
        const outcome = await opened({ ...base, store: copy });
        outcomes[`${name.replace(/\d+/, 'N')} ${damage}`] = outcome === account ? 'same account' : outcome;
        // What could not be opened is still there, for whoever can repair it; and stays refused.
        if (outcome !== account) {
          expect(await readdir(copy), copy).toEqual(expect.arrayContaining(before));
          expect(await opened({ ...base, store: copy })).toBe(outcome);
        }
      }
    }
    for (const [name, outcome] of Object.entries(outcomes)) {
      if (!isState(name.split(' ')[0] as string)) expect(outcome, name).toBe('same account');
      // A log that is cut may end before the device was linked: its keys are the same, and it can be linked again.
      else
        expect(['same account', 'STATE_CORRUPT', ...(history.linked ? ['STATE_NOT_LINKED'] : [])], name).toContain(
          outcome,
        );
    }
    for (const name of ['data-key cut in half', 'data-key removed', 'CURRENT removed', 'N.log removed']) {
      expect(outcomes[name], name).toBe('STATE_CORRUPT');
    }
    // In the first life everything is in the log; LevelDB takes an empty one for that of a new database.
    if (history.lives === 1) expect(outcomes['N.log emptied']).toBe('STATE_CORRUPT');
    expect(outcomes['account removed']).toBe('same account');
  },
);

test.each(['first', 'linked'])('of a %s device only the data key is left: no new account', async (device) => {
  const { parent, store, base } = await usedFolder({ lives: 1, linked: device === 'linked' });
  const copy = join(parent, 'emptied');
  await mkdir(copy, { mode: 0o700 });
  for (const name of ['data-key', 'account']) await cp(join(store, name), join(copy, name));
  expect(await opened({ ...base, store: copy })).toBe('STATE_CORRUPT');
  const linking = Messenger.link({ ...base, store: copy });
  await expect(linking).rejects.toMatchObject({ code: 'STATE_CORRUPT' });
});

test('an account of an earlier release is marked when it is opened', async () => {
  const { store, base } = await usedFolder({ lives: 1 });
  await rm(join(store, 'account'));
  const account = await opened(base);
  expect(account).toMatch(/^[0-9a-f]+ /);
  expect(await readdir(store)).toContain('account');
});

test('a device that still waits to be linked keeps its keys, or says that they are lost', async () => {
  const world = await createWorld();
  await world.join('alice');
  const parent = await folders();
  const store = join(parent, 'alice');
  await (await showLink(world, 'alice', { store })).cancel();
  for (const name of await readdir(store)) if (name.endsWith('.log')) await truncate(join(store, name));
  await expect(showLink(world, 'alice', { store })).rejects.toMatchObject({ code: 'STATE_CORRUPT' });
});
