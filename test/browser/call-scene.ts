import { expect, onTestFinished } from 'vitest';
import { nodeDataChannelRtc } from '../../src/adapters/rtc/node-datachannel.js';
import { weriftRtc } from '../../src/adapters/rtc/werift.js';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import type { CallPath } from '../../src/client/call/way.js';
import { Messenger } from '../../src/client/messenger.js';
import type { Rtc } from '../../src/ports/rtc.js';
import { createBroker } from '../../src/server/broker/broker.js';
import { createKeyProvider } from '../../src/server/key-provider/key-provider.js';
import type { UdpNetwork } from '../call/udp-network.js';
import type { Place } from './app/call.js';
import type { PageCallOptions, TalkingPage } from './app/talk.js';
import { type Talker, talkerOf } from './app/talker.js';
import { type Ask, asker, type Stage, startChromium } from './chromium.js';

const LARGE = 5 * 1024 * 1024;

/** Somebody on the line, wherever they are. */
export type Talks = Ask<Talker>;

/** A broker, a directory, and a browser as users have it: it hides its addresses. */
export async function setCallScene(stage: Stage, calls: PageCallOptions = {}) {
  const browser = await startChromium({ camera: false });
  onTestFinished(() => browser.close());
  const broker = await createBroker({ ws: 0 });
  onTestFinished(() => broker.close());
  const directory = await createKeyProvider();
  onTestFinished(() => directory.close());
  const place: Place = { broker: broker.wsUrl as string, directory: directory.url };
  return {
    /** `network`: what its packets go through; it needs a browser that knows its addresses. */
    async inChromium(address: string, network?: UdpNetwork): Promise<Ask<TalkingPage>> {
      const context = await (network ? stage.browser : browser).newContext();
      onTestFinished(() => context.close());
      const page = await context.newPage();
      const exchange = async (candidate: string) => (await network?.exchanged({ candidate }))?.candidate;
      if (network) await page.exposeFunction('exchange', exchange);
      await page.goto(stage.site.url('talk.html'));
      const talks = asker<TalkingPage>(page);
      await talks('open', address, place, calls);
      return talks;
    },
    /** `between`: what its packets go through. */
    async inNode(address: string, stack: 'node-datachannel' | 'werift', between = (rtc: Rtc) => rtc): Promise<Talks> {
      const rtc = between(stack === 'werift' ? weriftRtc() : nodeDataChannelRtc());
      const messenger = await Messenger.open({ address, ...place, store: memoryStore(), calls: { ...calls, rtc } });
      onTestFinished(() => messenger.close());
      await messenger.register();
      const talker = talkerOf(() => messenger);
      return ((name: keyof Talker, ...args: never[]) =>
        (talker[name] as (...args: never[]) => unknown)(...args)) as Talks;
    },
  };
}

/** A call with all that belongs to it; `look` is called before it ends. */
export async function talk(
  alice: Talks,
  bob: Talks,
  paths: readonly CallPath[] = ['direct'],
  look = async () => {},
): Promise<void> {
  await bob('awaitCall');
  const id = await alice('call', 'bob');
  expect(await bob('taken')).toBe(id);
  const [toBob, toAlice] = [bob('readAll'), alice('readAll')];
  await alice('say', 'Hello Bob!');
  const large = await alice('sendBytes', LARGE);
  await alice('end');
  expect(await toBob).toEqual(['Hello Bob!', large]);
  // One direction has ended; the other goes on.
  const back = await bob('sendBytes', LARGE);
  await bob('say', 'Hello Alice!');
  await bob('end');
  expect(await toAlice).toEqual([back, 'Hello Alice!']);
  expect([await alice('complete'), await bob('complete')]).toEqual([true, true]);
  for (const talks of [alice, bob]) expect(paths).toContain(await talks('path'));
  await look();
  await alice('hangUp');
  expect(await bob('ended')).toEqual({ reason: 'hangup', by: 'them' });
}
