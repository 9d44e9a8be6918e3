import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { INSECURE_HOST, type Stage } from './chromium.js';
import { type Scene, setScene, shown } from './scene.js';

const SECRET = 'the treaty is signed';

/** Lets a condition take as long as a busy machine needs. */
const PATIENCE = { timeout: 20_000, interval: 50 };

/** The messenger in a page, against Alice in Node. */
export function messengerTests(stage: () => Stage): void {
  it('runs without anything of Node, and without a complaint of the bundler', async () => {
    const { site } = stage();
    const { bob } = await setScene(stage());
    expect(await bob('environment')).toEqual({ secure: true, subtle: true, nodeGlobals: [], backend: 'webcrypto' });
    expect(site.warnings).toEqual([]);
    expect(site.missing).toEqual([]);
  });

  it('sends and receives, and fetches nothing that is for Node', async () => {
    const scene = await setScene(stage());
    const fetched = new Set<string>();
    scene.page.on('request', (request) => fetched.add(new URL(request.url()).pathname));
    await converse(scene);
    // LevelDB's form for browsers, and the crypto backend for Node: both are loaded when they are needed.
    const later = stage().site.files.filter((path) => /\/(browser|native)-/.test(path));
    expect(later).toHaveLength(2);
    expect(later.filter((path) => fetched.has(path))).toEqual([expect.stringContaining('/browser-')]);
  });

  it('keeps its account over a reload, gets the mail of the meantime, and counts on', async () => {
    const { alice, heard, page, bob, where } = await setScene(stage());
    const before = await bob('open', where);
    await bob('register');
    await bob('send', 'alice', 'one');
    await expect.poll(() => heard, PATIENCE).toEqual([{ line: 'bob: one', seq: 1 }]);
    await page.goto('about:blank');
    await (await alice.send('bob', 'while you were away')).published;
    await page.goBack();
    expect(await shown(page)).toEqual([]);
    expect(await bob('open', where)).toEqual(before);
    await bob('listen');
    await expect.poll(() => shown(page), PATIENCE).toEqual(['alice: while you were away']);
    await bob('send', 'alice', 'two');
    await expect.poll(() => heard, PATIENCE).toHaveLength(2);
    expect(heard[1]).toEqual({ line: 'bob: two', seq: 2 });
    await page.reload();
    expect(await bob('open', where)).toEqual(before);
  });

  it('is locked for a second tab, until the first one is gone', async () => {
    const { page, bob, where, openTab } = await setScene(stage());
    const account = await bob('open', where);
    const second = await openTab();
    await expect(second.bob('open', where)).rejects.toMatchObject({ code: 'STATE_LOCKED' });
    expect((await bob('status')).connection).toBe('connected');
    await page.close();
    await expect.poll(() => second.bob('open', where).catch(({ code }) => code), PATIENCE).toEqual(account);
  });

  it('keeps private keys where no script can take them, and messages encrypted', async () => {
    const scene = await setScene(stage());
    await receiveUnread(scene);
    const kept = { extractable: false, exported: [] };
    const keys = await scene.bob('keysAtRest');
    expect(keys.map(({ where: _, ...key }) => key)).toEqual([
      { type: 'secret', algorithm: 'AES-GCM', ...kept },
      { type: 'private', algorithm: 'Ed25519', ...kept },
      { type: 'private', algorithm: 'X25519', ...kept },
      { type: 'private', algorithm: 'Ed25519', ...kept },
    ]);
    await expect(scene.bob('exportIdentity', 'a passphrase')).rejects.toMatchObject({
      code: 'USAGE_KEY_NOT_EXTRACTABLE',
    });
    await nothingInClear(scene);
  });

  it('becomes another device of an account that was made in Node', async () => {
    const { alice, page, bob, where, openInNode } = await setScene(stage());
    const primary = await openInNode('bob');
    const identity = { file: await primary.messenger.exportIdentity('a passphrase'), passphrase: 'a passphrase' };
    await bob('open', { ...where, identity });
    await bob('register');
    await bob('listen');
    await alice.send('bob', 'Hello to all your devices!');
    await expect.poll(() => shown(page), PATIENCE).toEqual(['alice: Hello to all your devices!']);
    await expect.poll(() => primary.heard, PATIENCE).toHaveLength(1);
    expect((await bob('keysAtRest')).map(({ extractable }) => extractable)).toEqual([false, false, false, false]);
  });

  it('holds what is sent offline, and catches up by itself', async () => {
    const scene = await setScene(stage());
    const { alice, heard, page, bob, context, network } = scene;
    await converse(scene);
    await context.setOffline(true);
    network.cut();
    await expect.poll(async () => (await bob('status')).connection, PATIENCE).not.toBe('connected');
    await (await alice.send('bob', 'Can you hear me?')).published;
    await bob('send', 'alice', 'I am in a tunnel.');
    expect(await bob('status')).toMatchObject({ outbox: 1 });
    await context.setOffline(false);
    await expect.poll(() => shown(page), PATIENCE).toEqual(['alice: Hello Bob!', 'alice: Can you hear me?']);
    await expect
      .poll(() => heard.map(({ line }) => line), PATIENCE)
      .toEqual(['bob: Hello Alice!', 'bob: I am in a tunnel.']);
    await expect.poll(async () => (await bob('status')).outbox, PATIENCE).toBe(0);
  });

  it('opens offline, where it need not wait for the broker', async () => {
    const scene = await setScene(stage());
    const { heard, bob, where, context } = scene;
    await converse(scene);
    await bob('close');
    await context.setOffline(true);
    await bob('open', { ...where, connect: 'background' });
    await bob('send', 'alice', 'Out of the cupboard.');
    expect(await bob('status')).toMatchObject({ outbox: 1 });
    await context.setOffline(false);
    await expect.poll(() => heard.at(-1), PATIENCE).toEqual({ line: 'bob: Out of the cupboard.', seq: 2 });
  });

  it('gives signs of life', async () => {
    const { bob, where, network } = await setScene(stage());
    await bob('open', { ...where, keepalive: 1 });
    const connections = network.accepted();
    // A broker hangs up after one and a half times the keep-alive.
    await sleep(3_000);
    expect(network.accepted()).toBe(connections);
    expect((await bob('status')).connection).toBe('connected');
  });

  it('needs another suite where Web Crypto does not know Curve25519', async () => {
    const scene = await setScene(stage());
    const { page, bob, where } = scene;
    await page.addInitScript(forgetCurve25519);
    await page.reload();
    await expect(bob('open', where)).rejects.toMatchObject({ code: 'USAGE_SUITE_UNAVAILABLE' });
    await converse({ ...scene, where: { ...where, suite: 'P256-ESP256' } });
    expect((await bob('keysAtRest')).map(({ algorithm }) => algorithm)).toEqual(['AES-GCM', 'ECDSA', 'ECDH', 'ECDSA']);
  });

  it('works on a page over plain http, where the browser has no Web Crypto', async () => {
    const scene = await setScene(stage(), INSECURE_HOST);
    const { page, bob } = scene;
    expect(await bob('environment')).toEqual({ secure: false, subtle: false, nodeGlobals: [], backend: 'noble' });
    await converse(scene);
    await page.reload();
    await receiveUnread(scene);
    expect(await bob('keysAtRest')).toEqual([]);
    await nothingInClear(scene);
  });
}

/** Runs in the page: makes of its Web Crypto that of a browser of 2023. */
function forgetCurve25519(): void {
  for (const name of ['generateKey', 'importKey'] as const) {
    const method = SubtleCrypto.prototype[name] as (...args: unknown[]) => Promise<unknown>;
    const older = async function (this: SubtleCrypto, ...args: unknown[]): Promise<unknown> {
      if (JSON.stringify(args).includes('25519"')) throw new DOMException('unknown', 'NotSupportedError');
      return method.apply(this, args);
    };
    Object.assign(SubtleCrypto.prototype, { [name]: older });
  }
}

/** A message each way. */
async function converse({ alice, heard, page, bob, where }: Scene): Promise<void> {
  await bob('open', where);
  await bob('register');
  await bob('listen');
  await alice.send('bob', 'Hello Bob!');
  await expect.poll(() => shown(page), PATIENCE).toEqual(['alice: Hello Bob!']);
  await bob('send', 'alice', 'Hello Alice!');
  await expect.poll(() => heard, PATIENCE).toEqual([{ line: 'bob: Hello Alice!', seq: 1 }]);
}

/** Opens Bob's messenger and lets messages of Alice's come that nobody takes: they wait, opened, in the store. */
async function receiveUnread({ alice, bob, where }: Scene): Promise<void> {
  await bob('open', where);
  await bob('register');
  await alice.send('bob', SECRET);
  // So large that their memory may be used again, one behind the other.
  for (let i = 0; i < 3; i++) await (await alice.send('bob', SECRET.repeat(1000))).delivered;
  await expect.poll(async () => (await bob('status')).opened, PATIENCE).toBe(4);
}

async function nothingInClear({ bob }: Scene): Promise<void> {
  expect(await bob('valuesAtRest')).toBeGreaterThan(5);
  expect(await bob('unseenAtRest')).toBe(0);
  expect(await bob('placesOf', SECRET)).toEqual([]);
  expect(await bob('placesOf', 'alice')).toEqual([]);
  await bob('storeInClear', `note: ${SECRET}`);
  expect(await bob('placesOf', SECRET)).toHaveLength(1);
}
