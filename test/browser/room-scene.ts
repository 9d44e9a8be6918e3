import { expect, onTestFinished } from 'vitest';
import { createBroker } from '../../src/server/broker/broker.js';
import { createKeyProvider } from '../../src/server/key-provider/key-provider.js';
import type { Caller, Place } from './app/call.js';
import { type Ask, asker, type Stage } from './chromium.js';

/** Lets a condition take as long as a busy machine needs. */
export const PATIENCE = { timeout: 20_000, interval: 100 };

/** A broker that speaks WebSocket, a directory, and pages, each in a browser profile of its own. */
export interface RoomScene {
  readonly place: Place;
  openPage(): Promise<Ask<Caller>>;
}

/** Sets a scene that is cleared when the test is over. */
export async function setRoomScene({ browser, site }: Stage): Promise<RoomScene> {
  const broker = await createBroker({ ws: 0 });
  onTestFinished(() => broker.close());
  const directory = await createKeyProvider();
  onTestFinished(() => directory.close());
  return {
    place: { broker: broker.wsUrl as string, directory: directory.url },
    async openPage() {
      const context = await browser.newContext();
      onTestFinished(() => context.close());
      const page = await context.newPage();
      await page.goto(site.url('call.html'));
      return asker<Caller>(page);
    },
  };
}

/** Lets all of `names` join one room in the page, until they have each other's keys. */
export async function gather({ place }: RoomScene, caller: Ask<Caller>, ...names: string[]): Promise<void> {
  for (const name of names) await caller('join', name, 'call', names, place);
  for (const name of names) await expect.poll(() => caller('ready', name), PATIENCE).toBe(names.length - 1);
}
