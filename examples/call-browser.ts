/**
 * A call from page to page: `examples/call-browser/` is one end of it. Here Alice's and Bob's are opened in a headless Chromium and
 * used as people use them. To try it yourself: `npm run example call-browser serve`.
 */
import assert from 'node:assert/strict';
import { chromium, type Page } from 'playwright-core';
import { createBroker, createKeyProvider } from 'sealmq/server';
import { findChromium } from '../test/browser/chromium.js';
import { peer } from '../test/peers/require.js';
import { openSite } from './page/site.js';

const serve = process.argv[3] === 'serve';
if (serve || peer('chromium', findChromium() !== undefined)) await run();

async function run(): Promise<void> {
  const broker = await createBroker({ ws: 0 });
  const directory = await createKeyProvider();
  const site = await openSite('call-browser');
  const url = (as: string) =>
    `${site.url}?${new URLSearchParams({ as, broker: broker.wsUrl ?? '', directory: directory.url })}`;
  if (serve) return console.log(`open ${url('alice')}\n and ${url('bob')}\nCtrl-C ends it`);
  const browser = await chromium.launch({
    executablePath: findChromium() as string,
    args: ['--no-sandbox', '--disable-gpu'],
  });
  const open = async (as: string) => {
    const page = await browser.newPage({ viewport: { width: 560, height: 640 } });
    await page.goto(url(as));
    await page.getByText('ready').waitFor();
    return page;
  };
  const [alice, bob] = [await open('alice'), await open('bob')];
  await converse(alice, bob);
  await browser.close();
  await site.close();
  await broker.close();
  await directory.close();
}

async function converse(alice: Page, bob: Page): Promise<void> {
  await alice.fill('#whom', 'bob');
  await alice.getByRole('button', { name: 'Call' }).click();
  await bob.getByText('alice is calling').waitFor();
  await bob.getByRole('button', { name: 'Answer' }).click();
  for (const page of [alice, bob]) await page.getByText('end-to-end encrypted').waitFor();
  console.log(`Alice called Bob, he answered: ${await alice.textContent('#state')}`);

  const numbers = await Promise.all([alice, bob].map((page) => page.locator('#number').textContent()));
  assert.match(numbers[0] ?? '', /(\d{5}\s?){12}/);
  assert.equal(numbers[0], numbers[1]);
  console.log(`both see the same: ${numbers[0]}`);

  await say(alice, bob, 'Can you hear me?');
  await say(bob, alice, 'As if you were in the next tab.');
  await say(alice, bob, 'And nobody else can.');
  const screenshot = process.env.SCREENSHOT;
  if (screenshot) await bob.screenshot({ path: screenshot });

  await bob.getByRole('button', { name: 'Hang up' }).click();
  await bob.getByText('You hung up').waitFor();
  await alice.getByText('bob hung up').waitFor();
  for (const page of [alice, bob]) await page.getByText('ready').waitFor();
  console.log('Bob hung up, and both are ready for the next call');
}

async function say(from: Page, to: Page, text: string): Promise<void> {
  await from.fill('#text', text);
  await from.getByRole('button', { name: 'Send' }).click();
  await to.locator('#talk .theirs', { hasText: text }).waitFor();
  console.log(`heard on the other page: ${text}`);
}
