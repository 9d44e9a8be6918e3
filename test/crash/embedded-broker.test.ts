import { expect, test } from 'vitest';
import { freePort } from '../peers/programs.js';
import { crashRun } from './crash-run.js';
import { embeddedBroker } from './processes.js';

const startBroker = async (folder: string) => embeddedBroker(folder, await freePort());

test.each([1])(
  'sender, receiver and embedded broker are killed again and again, seed %i: every message is handled, none twice',
  { timeout: 300_000 },
  async (seed) => {
    const outcome = await crashRun({ seed, messages: 2000, kills: 9, startBroker });
    expect(outcome).toMatchObject({ problems: [], handled: 2000 });
    expect(outcome.interrupted).toBeGreaterThan(0);
  },
);

test('the embedded broker is killed, and its data folder is deleted: nothing is lost for good', {
  timeout: 300_000,
}, async () => {
  const outcome = await crashRun({ seed: 2, messages: 2000, kills: 2, amnesia: true, startBroker });
  expect(outcome).toMatchObject({ problems: [], handled: 2000 });
});
