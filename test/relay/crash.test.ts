import { describe, expect, test } from 'vitest';
import { embeddedBroker, mosquittoBroker } from '../crash/processes.js';
import { mosquittoAvailable } from '../peers/mosquitto.js';
import { freePort } from '../peers/programs.js';
import { peer } from '../peers/require.js';
import { relayCrash } from './crash-run.js';

const HAND_INS = Number(process.env.SEALMQ_HAND_INS ?? 1000);
const all = Array.from({ length: HAND_INS }, (_, n) => String(n));
const whole = { bob: all, carol: all, dave: all, erin: all, frank: all };

describe('one of two instances is killed in the middle: each receiver gets each message once, and in order', {
  timeout: 300_000,
}, () => {
  test('with the embedded broker', async () => {
    const startBroker = async (folder: string) => embeddedBroker(folder, await freePort());
    const outcome = await relayCrash({ handIns: HAND_INS, startBroker });
    expect(outcome).toEqual({ received: whole, accepted: 5 * HAND_INS, refused: 0 });
  });

  test.skipIf(!peer('mosquitto', mosquittoAvailable()))(
    'with Mosquitto, where the instances share the work',
    async () => {
      const outcome = await relayCrash({ handIns: HAND_INS, startBroker: (dataDir) => mosquittoBroker({ dataDir }) });
      expect(outcome).toEqual({ received: whole, accepted: 5 * HAND_INS, refused: 0 });
    },
  );
});
