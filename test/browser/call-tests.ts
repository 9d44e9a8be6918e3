import { createHash, randomBytes } from 'node:crypto';
import { expect, it, onTestFinished } from 'vitest';
import { nodeDataChannelRtc } from '../../src/adapters/rtc/node-datachannel.js';
import { weriftRtc } from '../../src/adapters/rtc/werift.js';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import type { Call } from '../../src/client/call/call.js';
import type { CallPath } from '../../src/client/call/way.js';
import { Messenger } from '../../src/client/messenger.js';
import { createBroker } from '../../src/server/broker/broker.js';
import { createKeyProvider } from '../../src/server/key-provider/key-provider.js';
import type { Place } from './app/call.js';
import type { Talker } from './app/talk.js';
import { type Ask, asker, type Stage, startChromium } from './chromium.js';

const LARGE = 5 * 1024 * 1024;

/** Somebody on the line, wherever they are: what {@link Talker} has, by name. */
type Talks = Ask<Talker>;

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

async function setCallScene({ site }: Stage) {
  // As a user's browser: it hides its addresses.
  const browser = await startChromium({ camera: false });
  onTestFinished(() => browser.close());
  const broker = await createBroker({ ws: 0 });
  onTestFinished(() => broker.close());
  const directory = await createKeyProvider();
  onTestFinished(() => directory.close());
  const place: Place = { broker: broker.wsUrl as string, directory: directory.url };
  return {
    async inChromium(address: string): Promise<Talks> {
      const context = await browser.newContext();
      onTestFinished(() => context.close());
      const page = await context.newPage();
      await page.goto(site.url('talk.html'));
      const talker = asker<Talker>(page);
      await talker('open', address, place);
      return talker;
    },
    async inNode(address: string, stack: 'node-datachannel' | 'werift'): Promise<Talks> {
      const rtc = stack === 'werift' ? weriftRtc() : nodeDataChannelRtc();
      const messenger = await Messenger.open({ address, ...place, store: memoryStore(), calls: { rtc } });
      onTestFinished(() => messenger.close());
      await messenger.register();
      return nodeTalker(messenger);
    },
  };
}

/** The same in Node as {@link Talker} in a page. */
function nodeTalker(messenger: Messenger): Talks {
  let call: Call;
  const talker: Omit<Talker, 'open'> = {
    async call(to) {
      call = await messenger.call(to);
      return call.id;
    },
    async answer() {
      call = await new Promise<Call>((resolve, reject) => {
        const stop = messenger.on('call', (incoming) => {
          stop();
          incoming.accept().then(resolve, reject);
        });
      });
      return call.id;
    },
    say: (text) => call.send(text),
    async sendBytes(length) {
      const bytes = new Uint8Array(randomBytes(length));
      await call.send(bytes);
      return sha256(bytes);
    },
    end: () => call.end(),
    hangUp: () => call.hangUp(),
    async readAll() {
      const read: string[] = [];
      for await (const { text, bytes } of call.messages()) read.push(text ?? sha256(bytes));
      return read;
    },
    path: () => call.path,
    complete: () => call.complete,
    ended: () => call.ended,
  };
  return ((name: keyof typeof talker, ...args: never[]) =>
    (talker[name] as (...args: never[]) => unknown)(...args)) as Talks;
}

/** A call with all that belongs to it. */
async function talk(alice: Talks, bob: Talks, paths: readonly CallPath[] = ['direct']): Promise<void> {
  const answering = bob('answer');
  const id = await alice('call', 'bob');
  expect(await answering).toBe(id);
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
  await alice('hangUp');
  expect(await bob('ended')).toEqual({ reason: 'hangup', by: 'them' });
}

/** Calls with browsers: their own WebRTC, their own crypto, and a broker's WebSocket between them. */
export function callTests(stage: () => Stage): void {
  it('one browser calls another', { timeout: 60_000 }, async () => {
    const scene = await setCallScene(stage());
    // Both tell names of the local network: where multicast does not pass, the broker is left.
    await talk(await scene.inChromium('alice'), await scene.inChromium('bob'), ['direct', 'mqtt']);
  });

  it.each(['node-datachannel', 'werift'] as const)(
    'a browser calls Node with %s, and is called back',
    { timeout: 180_000 },
    async (stack) => {
      const scene = await setCallScene(stage());
      const [page, node] = [await scene.inChromium('alice'), await scene.inNode('bob', stack)];
      await talk(page, node);
      const answering = page('answer');
      await node('call', 'alice');
      await answering;
      expect([await page('path'), await node('path')]).toEqual(['direct', 'direct']);
      await node('hangUp');
      await page('ended');
    },
  );
}
