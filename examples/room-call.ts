/**
 * A WebRTC call that its SFU cannot watch: `examples/room-call/` is the page, with Alice, Bob and the SFU in it. Here it is opened
 * in a headless Chromium whose camera is synthetic. To watch it yourself: `npm run example room-call serve`.
 */
import assert from 'node:assert/strict';
import { chromium, type Page } from 'playwright-core';
import { createBroker, createKeyProvider } from 'sealmq/server';
import { findChromium } from '../test/browser/chromium.js';
import { peer } from '../test/peers/require.js';
import { openSite } from './page/site.js';
import type { Sight } from './room-call/page.js';

const serve = process.argv[3] === 'serve';
if (serve || peer('chromium', findChromium() !== undefined)) await run();

async function run(): Promise<void> {
  const broker = await createBroker({ ws: 0 });
  const directory = await createKeyProvider();
  const site = await openSite('room-call');
  const url = `${site.url}?${new URLSearchParams({ broker: broker.wsUrl ?? '', directory: directory.url })}`;
  if (serve) return console.log(`open ${url}; Ctrl-C ends it`);
  const browser = await chromium.launch({
    executablePath: findChromium() as string,
    args: ['--no-sandbox', '--disable-gpu', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'],
  });
  const page = await browser.newPage();
  await page.goto(url);
  await watch(page);
  await browser.close();
  await site.close();
  await broker.close();
  await directory.close();
}

/** Looks at the page until what it should show is there. */
async function watch(page: Page): Promise<void> {
  const call = await until(page, ({ bobDecoded, bobLikeness }) => bobDecoded >= 20 && bobLikeness > 0.8);
  assert.equal(call.heard, 'alice');
  console.log(
    `Bob has seen ${call.bobDecoded} pictures of Alice; likeness to her camera: ${call.bobLikeness.toFixed(2)}`,
  );

  const { forwarded, sfuLikeness } = await until(page, (sight) => sight.forwarded.frames >= 40);
  assert.ok(Math.abs(sfuLikeness) < 0.4, `the SFU sees something: likeness ${sfuLikeness}`);
  console.log(
    `the SFU forwarded ${forwarded.frames} frames of ${forwarded.bytes} bytes in all, and saw nothing; likeness: ${sfuLikeness.toFixed(2)}`,
  );

  await page.evaluate(() => bobLeaves());
  const left = await until(page, ({ dropped }) => dropped.includes('no-key'));
  const later = await until(page, (sight) => sight.forwarded.frames >= left.forwarded.frames + 20);
  assert.equal(later.bobDecoded, left.bobDecoded);
  console.log('Bob left the room: the SFU forwards on to him, and he sees no more');
}

async function until(page: Page, isSo: (sight: Sight) => boolean): Promise<Sight> {
  for (;;) {
    const sight = await page.evaluate(() => globalThis.sight?.());
    if (sight && isSo(sight)) return sight;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
