import { expect, onTestFinished, test } from 'vitest';
import { openRoomMedia, startMediaWorker } from '../../src/client/room/media/index.js';
import { createWorld, until } from '../client/world.js';
import { numbersOf, openMedia, sound, streamEnd } from '../room/media-call.js';
import { program, snippets } from './snippets.js';

const [workerLines, pageLines] = snippets('docs/media.md', 'js') as [string, string];

/** A worker whose script runs in this thread. */
function workerOf(script: (scope: EventTarget) => Promise<unknown>) {
  return class {
    readonly #scope = new EventTarget();
    readonly #ready = script(this.#scope);
    async postMessage(data: { readonly port: MessagePort }) {
      onTestFinished(() => data.port.close());
      await this.#ready;
      this.#scope.dispatchEvent(new MessageEvent('message', { data }));
    }
  };
}

test('the page’s lines do what they say: what a sender sends is encrypted, and somebody is heard', async () => {
  const world = await createWorld();
  const [alice, bob] = [await world.join('alice'), await world.join('bob')];
  const room = await bob.joinRoom('call-1', { admit: ['alice', 'bob'] });
  const [hers, his] = [streamEnd(), streamEnd()];
  const connection: { addTrack(): unknown; ontrack?: (event: { receiver: unknown }) => void } = {
    addTrack: () => hers.end,
  };
  const told: string[] = [];
  const Worker = workerOf((scope) =>
    program(['startMediaWorker'], workerLines)(() => startMediaWorker(scope as never)),
  );
  const known = {
    ...{ alice, openRoomMedia, Worker, connection, URL: class {} },
    camera: { getTracks: () => [{}] },
    console: { log: (...words: unknown[]) => told.push(words.join(' ')) },
  };
  // A module's own address is not at hand in a function.
  const lines = pageLines.replace('import.meta.url', '""');
  await program(Object.keys(known), lines)(...Object.values(known));
  const media = await openMedia(room);
  media.send(his.end);

  const clear = sound(7);
  await until(() => {
    hers.put(clear);
    return hers.out.length > 0 || undefined;
  });
  expect(hers.out[0]?.data.byteLength).toBeGreaterThan(clear.data.byteLength);

  const shown = streamEnd();
  connection.ontrack?.({ receiver: Object.assign(shown.end, { track: { id: 'track-1' } }) });
  await until(() => {
    his.put(sound(9));
    shown.put(...his.out.splice(0));
    return told.length > 0 || undefined;
  });
  expect(told).toEqual(['bob is on track-1']);
  expect(numbersOf(shown.out)).toContain(9);
});
