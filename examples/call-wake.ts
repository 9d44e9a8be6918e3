/**
 * A call to somebody whose page is closed: the relay pushes, the service worker of the page says who calls, the page comes back and
 * takes the call. Pages and service worker are those of `examples/call-browser/`. Here they run in a headless Chromium, with a push service
 * on this machine in place of Google's. To try it yourself, with your browser's own: `npm run example call-wake serve`.
 */
import assert from 'node:assert/strict';
import type { BrowserContext } from 'playwright-core';
import { createBroker, createKeyProvider, createRelay, type PushOptions } from 'sealmq/server';
import { findChromium, startProfile } from '../test/browser/chromium.js';
import { type Fcm, startFcm } from '../test/browser/fcm.js';
import { click } from '../test/browser/notification.js';
import { peer } from '../test/peers/require.js';
import { openSite } from './page/site.js';

const serve = process.argv[3] === 'serve';
if (serve) await tryIt();
else if (peer('chromium', findChromium() !== undefined)) await run();

/** Everything but the browser: the page's address of somebody, and what ends it. */
async function set(push: Partial<PushOptions>) {
  const broker = await createBroker({ ws: 0 });
  const directory = await createKeyProvider();
  const places = { broker: broker.mqttUrl ?? '', directory: directory.url };
  const relay = await createRelay({ ...places, push: { contact: 'mailto:operator@example.org', ...push } });
  directory.publishRelay(relay.record);
  const site = await openSite('call-browser');
  const query = { broker: broker.wsUrl ?? '', directory: directory.url, via: 'relay' };
  const urls = {
    bob: `${site.url}?${new URLSearchParams({ as: 'bob', ...query })}`,
    // Of another origin: two people in one browser would be woken by one service worker.
    alice: `${site.url.replace('127.0.0.1', 'localhost')}?${new URLSearchParams({ as: 'alice', ...query })}`,
  };
  const close = async () => {
    for (const each of [site, relay, broker, directory]) await each.close();
  };
  return { urls, close };
}

async function tryIt(): Promise<void> {
  const { urls } = await set({});
  console.log(
    `open ${urls.bob}\npress "Wake me when somebody calls", and close the page. Then open ${urls.alice}\nand call bob. Ctrl-C ends it`,
  );
}

async function run(): Promise<void> {
  const fcm = await startFcm();
  const { urls, close } = await set(fcm.options);
  const browser = await startProfile(fcm.chromiumArguments);
  await fcm.replace(browser);
  await browser.grantPermissions(['notifications'], { origin: new URL(urls.bob).origin });
  await wake(browser, urls, fcm);
  await browser.close();
  await close();
  await fcm.close();
}

async function wake(
  browser: BrowserContext,
  urls: { readonly alice: string; readonly bob: string },
  fcm: Fcm,
): Promise<void> {
  const open = async (address: string) => {
    const page = await browser.newPage();
    await page.setViewportSize({ width: 560, height: 640 });
    await page.goto(address);
    return page;
  };
  const bob = await open(urls.bob);
  await bob.getByRole('button', { name: 'Wake me' }).click();
  await bob.getByText('You can close this page now').waitFor();
  await bob.close();
  console.log('Bob has told the relay where his browser can be woken, and closed the page');

  const alice = await open(urls.alice);
  await alice.fill('#whom', 'bob');
  await alice.getByRole('button', { name: 'Call', exact: true }).click();
  const [worker] = browser.serviceWorkers();
  assert.ok(worker);
  const notification = await click(worker);
  assert.equal(notification.title, 'alice is calling');
  assert.deepEqual(fcm.answered, [201]);
  console.log(`the relay pushed, and his service worker shows: ${notification.title}`);

  const woken = await open(new URL(notification.url, urls.bob).href);
  await woken.getByText('alice is calling').waitFor();
  await woken.getByRole('button', { name: 'Answer' }).click();
  for (const page of [alice, woken]) await page.getByText('end-to-end encrypted').waitFor();
  console.log(`a click opened the page, and he answered: ${await woken.textContent('#state')}`);
  await alice.fill('#text', 'Did I wake you?');
  await alice.getByRole('button', { name: 'Send' }).click();
  await woken.locator('#talk .theirs', { hasText: 'Did I wake you?' }).waitFor();
  console.log('heard on his page: Did I wake you?');
  const screenshot = process.env.SCREENSHOT;
  if (screenshot) await woken.screenshot({ path: screenshot });
  await woken.getByRole('button', { name: 'Hang up' }).click();
  await alice.getByText('bob hung up').waitFor();
  console.log('Bob hung up');
}
