import { nativeProvider, suites } from 'sealmq/crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Correspondent, createCorrespondent, type PageBackend } from './app/correspondent.js';
import type { Application } from './app/main.js';
import { type Ask, asker, INSECURE_HOST, type Stage } from './chromium.js';

/** Below and above what Web Crypto leaves to plain JavaScript. */
const PAYLOADS = [new TextEncoder().encode('short'), new Uint8Array(10_000).map((_, i) => i * 7)];

const NOBLE_SUITES = ['X25519-Ed25519', 'P256-ESP256'];

/** `seal` and `open` in pages, by every backend, against Node's own crypto and against each other. */
export function envelopeTests(stage: () => Stage): void {
  describe('on a secure page', () => {
    const page = onPage(stage);
    for (const { name: suite } of suites) {
      it(`webcrypto and native read each other: ${suite}`, async () => {
        const [left, right] = [
          await inPage(page(), 'webcrypto', suite),
          await createCorrespondent(nativeProvider(), suite),
        ];
        await exchange(left, right);
      });
    }
    for (const suite of suites.map(({ name }) => name).filter((name) => NOBLE_SUITES.includes(name))) {
      it(`noble reads and writes what native and webcrypto do: ${suite}`, async () => {
        const noble = await inPage(page(), 'noble', suite);
        await exchange(noble, await createCorrespondent(nativeProvider(), suite));
        await exchange(noble, await inPage(page(), 'webcrypto', suite));
      });
    }
    it('noble says that it has no RSA', async () => {
      const none = { code: 'USAGE_SUITE_UNAVAILABLE' };
      await expect(inPage(page(), 'noble', 'RSA3072-PS256')).rejects.toMatchObject(none);
    });
  });

  describe('on a page over plain http', () => {
    const page = onPage(stage, INSECURE_HOST);
    for (const suite of suites.map(({ name }) => name).filter((name) => NOBLE_SUITES.includes(name))) {
      it(`what the probe chose and native read each other: ${suite}`, async () => {
        await exchange(await inPage(page(), 'default', suite), await createCorrespondent(nativeProvider(), suite));
      });
    }
    it('webcrypto says that it is not there', async () => {
      const none = { code: 'USAGE_SUITE_UNAVAILABLE' };
      await expect(inPage(page(), 'webcrypto', 'X25519-Ed25519')).rejects.toMatchObject(none);
    });
  });
}

/** A page for all tests of the block. */
function onPage(stage: () => Stage, host?: string): () => Ask<Application> {
  let ask: Ask<Application>;
  let close: () => Promise<void>;
  beforeAll(async () => {
    const context = await stage().browser.newContext();
    close = () => context.close();
    const page = await context.newPage();
    await page.goto(stage().site.url('index.html', host));
    ask = asker<Application>(page);
  });
  afterAll(() => close());
  return () => ask;
}

/** A correspondent whose keys are in the page. */
async function inPage(
  ask: Ask<Application>,
  backend: PageBackend,
  suite: Parameters<typeof createCorrespondent>[1],
): Promise<Correspondent> {
  const { number, ...publicHalves } = await ask('meet', backend, suite);
  return {
    publicHalves,
    write: (reader, payload) => ask('write', number, reader, payload),
    read: (writer, sealed) => ask('read', number, writer, sealed),
  };
}

/** Each opens what the other has sealed for it, and only that. */
async function exchange(left: Correspondent, right: Correspondent): Promise<void> {
  for (const [writer, reader] of [
    [left, right],
    [right, left],
  ] as const) {
    for (const payload of PAYLOADS) {
      const sealed = await writer.write(reader.publicHalves, payload);
      expect(await reader.read(writer.publicHalves, sealed)).toEqual({ kind: 'opened', from: 'writer', payload });
      const changed = sealed.map((byte, i) => (i === sealed.length >> 1 ? byte ^ 1 : byte));
      expect(await reader.read(writer.publicHalves, changed)).toEqual({ kind: 'unverifiable' });
    }
  }
}
