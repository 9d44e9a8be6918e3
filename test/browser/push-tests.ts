import type { BrowserContext, Worker } from 'playwright-core';
import { expect, it, onTestFinished } from 'vitest';
import { nodeDataChannelRtc } from '../../src/adapters/rtc/node-datachannel.js';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { Messenger } from '../../src/client/messenger.js';
import { createBroker } from '../../src/server/broker/broker.js';
import { createKeyProvider } from '../../src/server/key-provider/key-provider.js';
import { createRelay } from '../../src/server/relay/relay.js';
import type { WakenPage, WakeOptions } from './app/wake.js';
import { asker, type Stage, startProfile } from './chromium.js';
import { startFcm } from './fcm.js';
import { click } from './notification.js';

/** Lets a condition take as long as a busy machine needs. */
const PATIENCE = { timeout: 20_000, interval: 50 };

const CONTACT = 'mailto:relay@example.org';

/** A relay that wakes, Alice in Node, and a Chromium whose push service is on this machine, and says so: `endpoints` are its own, or Google's. */
async function setPushScene({ site }: Stage, endpoints: 'own' | "Google's") {
  const own = endpoints === 'own';
  const fcm = await startFcm();
  onTestFinished(() => fcm.close());
  const broker = await createBroker({ ws: 0 });
  onTestFinished(() => broker.close());
  const directory = await createKeyProvider();
  onTestFinished(() => directory.close());
  const places = { broker: broker.mqttUrl as string, directory: directory.url };
  const relay = await createRelay({ ...places, push: { contact: CONTACT, after: 300, ...(own && fcm.options) } });
  onTestFinished(() => relay.close());
  directory.publishRelay(relay.record);

  const context = await startProfile(fcm.chromiumArguments);
  onTestFinished(() => context.close());
  if (own) await fcm.replace(context);
  const options: WakeOptions = {
    address: 'bob',
    broker: broker.wsUrl as string,
    directory: directory.url,
    via: 'relay',
  };
  await context.grantPermissions(['notifications'], { origin: new URL(site.url('wake.html')).origin });
  return {
    ...{ fcm, relay, context, options },
    async openAlice() {
      const calls = { rtc: nodeDataChannelRtc() };
      const alice = await Messenger.open({ ...places, address: 'alice', store: memoryStore(), via: 'relay', calls });
      onTestFinished(() => alice.close());
      await alice.register();
      return alice;
    },
    async openBob(query = '') {
      const page = await context.newPage();
      await page.goto(site.url('wake.html') + query);
      const bob = asker<WakenPage>(page);
      await bob('open', options);
      return { page, bob };
    },
  };
}

/** Browsers that are pushed to. */
export function pushTests(stage: () => Stage): void {
  it('what a browser answers to `subscribe` is what a relay takes', async () => {
    const { relay, openBob } = await setPushScene(stage(), "Google's");
    const { bob } = await openBob();
    await bob('register');
    await bob('subscribe');
    expect(relay.counts.updated).toBe(1);
    expect(await bob('subscription')).toMatchObject({
      endpoint: expect.stringMatching(/^https:\/\/(fcm\.googleapis|jmt17\.google)\.com\/fcm\/send\//),
      keys: { p256dh: expect.stringMatching(/^B[\w-]{86}$/), auth: expect.stringMatching(/^[\w-]{22}$/) },
    });
  });

  it('a call wakes the service worker of a page that is closed, and the page that it opens takes it', {
    timeout: 60_000,
  }, async () => {
    const scene = await setPushScene(stage(), 'own');
    const { context, fcm } = scene;
    const { page, bob } = await scene.openBob();
    await bob('register');
    await bob('subscribe');
    const sinceStopped = await stopServiceWorker(context);
    await page.close();

    const alice = await scene.openAlice();
    const calling = alice.call('bob');
    calling.catch(() => {});
    await expect.poll(sinceStopped, PATIENCE).toEqual(['starting', 'running']);
    expect(fcm.answered).toEqual([201]);
    const { title, url } = await click(context.serviceWorkers()[0] as Worker);
    expect(title).toBe('alice calls');

    const { bob: woken } = await scene.openBob(new URL(url, 'https://any').search);
    await woken('awaitCall');
    await woken('resume');
    const call = await calling;
    expect(await woken('taken')).toBe(call.id);
    const toBob = woken('readAll');
    await call.send('Are you awake?');
    await call.end();
    expect(await toBob).toEqual(['Are you awake?']);
    expect([call.path, await woken('path')]).toEqual(['direct', 'direct']);
    await call.hangUp();
  });
}

/** Stops the service worker, as the browser does after a while without events; what is answered tells what it has done since. */
async function stopServiceWorker(context: BrowserContext): Promise<() => readonly string[]> {
  const devTools = await context.newCDPSession(await context.newPage());
  const states: string[] = [];
  devTools.on('ServiceWorker.workerVersionUpdated', ({ versions }) => {
    for (const { runningStatus } of versions) if (states.at(-1) !== runningStatus) states.push(runningStatus);
  });
  await devTools.send('ServiceWorker.enable');
  await devTools.send('ServiceWorker.stopAllWorkers');
  await expect.poll(() => states.at(-1), PATIENCE).toBe('stopped');
  return () => states.slice(states.lastIndexOf('stopped') + 1);
}
