import { describe, expect, test } from 'vitest';
import { mosquittoAvailable } from '../peers/mosquitto.js';
import { peer } from '../peers/require.js';
import { crashRun } from './crash-run.js';
import { mosquittoBroker } from './processes.js';

const startBroker = (dataDir: string) => mosquittoBroker({ dataDir });

describe.skipIf(!peer('mosquitto', mosquittoAvailable()))('with Mosquitto', { timeout: 300_000 }, () => {
  test('sender, receiver and broker are killed again and again: every message is handled, none twice', async () => {
    const outcome = await crashRun({ seed: 3, messages: 2000, kills: 9, settle: 'each', startBroker });
    expect(outcome).toMatchObject({ problems: [], handled: 2000 });
    expect(outcome.interrupted).toBeGreaterThan(0);
  });

  test('the broker loses its data: nothing is lost for good', async () => {
    const outcome = await crashRun({ seed: 4, messages: 2000, kills: 2, amnesia: true, startBroker });
    expect(outcome).toMatchObject({ problems: [], handled: 2000 });
  });
});
