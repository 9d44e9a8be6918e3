import { afterAll, beforeAll, describe } from 'vitest';
import { peer } from '../peers/require.js';
import { callTests } from './call-tests.js';
import { findChromium, type Stage, startChromium } from './chromium.js';
import { contractTests } from './contract-tests.js';
import { envelopeTests } from './envelope-tests.js';
import { mediaTests } from './media-tests.js';
import { messengerTests } from './messenger-tests.js';
import { pushTests } from './push-tests.js';
import { roomTests } from './room-tests.js';
import { openSite } from './site.js';
import { turnTests } from './turn-tests.js';

describe.skipIf(!peer('chromium', findChromium() !== undefined))('in Chromium', () => {
  const closers: (() => Promise<void>)[] = [];
  let stage: Stage;

  beforeAll(async () => {
    const site = await openSite();
    closers.push(() => site.close());
    const browser = await startChromium();
    closers.push(() => browser.close());
    stage = { site, browser };
  });
  afterAll(async () => {
    for (const close of closers.reverse()) await close();
  });

  describe('the messenger', () => messengerTests(() => stage));
  describe('seal and open', () => envelopeTests(() => stage));
  describe('rooms', () => roomTests(() => stage));
  describe('calls', () => callTests(() => stage));
  describe('calls', () => turnTests(() => stage));
  describe('waking', () => pushTests(() => stage));
  describe('media', () => mediaTests(() => stage));
  describe('the contracts', () => contractTests(() => stage));
});
