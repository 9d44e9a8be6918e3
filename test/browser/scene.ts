import type { BrowserContext, Page } from 'playwright-core';
import { onTestFinished } from 'vitest';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { Messenger } from '../../src/client/messenger.js';
import { createBroker } from '../../src/server/broker/broker.js';
import { createKeyProvider } from '../../src/server/key-provider/key-provider.js';
import { startProxy, type Proxy as TcpProxy } from '../mqtt/proxy.js';
import type { Application, Surroundings } from './app/main.js';
import { type Ask, asker, type Stage } from './chromium.js';

/** A message as a messenger in Node got it: `from: text`, and its number. */
export interface Heard {
  readonly line: string;
  readonly seq: number | undefined;
}

/** A messenger in Node and what it heard so far. */
export interface Correspondence {
  readonly messenger: Messenger;
  readonly heard: readonly Heard[];
}

/** Alice in Node and Bob's page in a browser, with a broker and a directory between them. */
export interface Scene {
  readonly alice: Messenger;
  /** What Alice heard. */
  readonly heard: readonly Heard[];
  /** Another one in Node. */
  openInNode(address: string): Promise<Correspondence>;
  /** Where Bob finds the others. */
  readonly where: Surroundings;
  readonly context: BrowserContext;
  readonly page: Page;
  readonly bob: Ask<Application>;
  /** Bob's way to the broker. */
  readonly network: TcpProxy;
  /** Another tab of Bob's browser. */
  openTab(): Promise<{ readonly page: Page; readonly bob: Ask<Application> }>;
}

/** Sets a scene that is cleared when the test is over. Bob's browser is new; the page comes from `host`. */
export async function setScene({ browser, site }: Stage, host?: string): Promise<Scene> {
  const broker = await createBroker({ ws: 0 });
  onTestFinished(() => broker.close());
  const directory = await createKeyProvider();
  onTestFinished(() => directory.close());
  const network = await startProxy(Number(new URL(broker.wsUrl as string).port));
  onTestFinished(() => network.close());
  const openOther = (address: string) => openInNode(address, broker.mqttUrl as string, directory.url);
  const { messenger: alice, heard } = await openOther('alice');

  const context = await browser.newContext();
  onTestFinished(() => context.close());
  const openTab = async () => {
    const page = await context.newPage();
    await page.goto(site.url('index.html', host));
    return { page, bob: asker<Application>(page) };
  };
  const where = { address: 'bob', broker: `ws://127.0.0.1:${network.port}`, directory: directory.url };
  return { alice, heard, openInNode: openOther, where, context, network, openTab, ...(await openTab()) };
}

/** The lines that the page shows. */
export function shown(page: Page): Promise<string[]> {
  return page.locator('#messages li').allTextContents();
}

/** Opens a messenger in Node, with its state in memory, and collects what it hears. */
async function openInNode(address: string, broker: string, directory: string): Promise<Correspondence> {
  const messenger = await Messenger.open({ address, broker, directory, store: memoryStore() });
  onTestFinished(() => messenger.close());
  await messenger.register();
  const heard: Heard[] = [];
  messenger.on('message', ({ from, text, seq }) => {
    heard.push({ line: `${from}: ${text}`, seq });
  });
  return { messenger, heard };
}
