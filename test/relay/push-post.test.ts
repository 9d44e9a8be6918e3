import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { encodeWakeNote, MAX_PUSH_BYTES } from '../../src/protocol/relay/index.js';
import { assertHosts, endpointUrl, PUSH_SERVICES } from '../../src/server/relay/push/endpoint.js';
import { post } from '../../src/server/relay/push/post.js';
import { isPublicAddress } from '../../src/server/relay/push/public-address.js';
import { assertContact } from '../../src/server/relay/push/vapid.js';
import { closing } from '../client/world.js';

const fixture = (name: string) => readFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url), 'utf8');

test.each([
  ...[
    '8.8.8.8',
    '142.250.74.106',
    '100.63.255.255',
    '172.32.0.1',
    '2607:f8b0:4005:805::200a',
    '2a00:1450:4001:80b::200a',
  ],
])('%s is a public address', (address) => expect(isPublicAddress(address)).toBe(true));

test.each([
  ...['127.0.0.1', '0.0.0.0', '10.1.2.3', '100.64.0.1', '169.254.169.254', '172.16.0.1', '192.168.1.1', '192.0.0.8'],
  ...['198.18.0.1', '198.51.100.1', '203.0.113.1', '224.0.0.1', '255.255.255.255', '192.0.2.1', '192.88.99.1'],
  ...['::', '::1', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '::127.0.0.1', '64:ff9b::7f00:1', 'fc00::1', 'fd12:3456::1'],
  ...['fe80::1', 'fe80::1%eth0', 'fec0::1', 'ff02::1', '2001::1', '2001:db8::1', '2002:7f00:1::', '3fff::1', '100::1'],
  ...['', 'localhost', '127.1', '0x7f000001', '2130706433'],
])('%s is not', (address) => expect(isPublicAddress(address)).toBe(false));

test.each([
  'https://fcm.googleapis.com/fcm/send/abc:def',
  'https://jmt17.google.com/fcm/send/abc:def',
  'https://updates.push.services.mozilla.com/wpush/v2/gAAA',
  'https://wns2-par02p.notify.windows.com/w/?token=BQ',
  'https://web.push.apple.com/QGuQyavXutnMH',
  'https://fcm.googleapis.com:443/fcm/send/x',
])('%s may be pushed to', (url) => expect(endpointUrl(url, PUSH_SERVICES)?.href).toBeDefined());

test.each([
  ...['http://fcm.googleapis.com/x', 'ftp://fcm.googleapis.com/x', 'https://fcm.googleapis.com:8443/x', 'nothing', ''],
  ...['https://user@fcm.googleapis.com/x', 'https://u:p@fcm.googleapis.com/x', 'https://fcm.googleapis.com/x#y'],
  ...['https://fcm.googleapis.com.evil.example/x', 'https://evilfcm.googleapis.com/x', 'https://push.apple.com/x'],
  ...[
    'https://evilpush.apple.com/x',
    'https://127.0.0.1/x',
    'https://[::1]/x',
    'https://2130706433/x',
    'https://0x7f.1/',
  ],
  ...['https://evil.example/?fcm.googleapis.com', 'https://evil.example\\@fcm.googleapis.com/', 'https://localhost/x'],
])('%s may not', (url) => expect(endpointUrl(url, PUSH_SERVICES)).toBeUndefined());

test('hosts and contacts are checked where they are set', () => {
  expect(assertHosts(['push.example', '*.push.example:8443'])).toHaveLength(2);
  for (const wrong of ['https://push.example', '*', 'push.*', 'Push.example', 'a b', '']) {
    expect(() => assertHosts([wrong])).toThrow(expect.objectContaining({ code: 'USAGE_INVALID_ARGUMENT' }));
  }
  for (const right of ['mailto:a@example.org', 'https://example.org/contact']) expect(assertContact(right)).toBe(right);
  for (const wrong of ['a@example.org', 'mailto:', 'http://example.org', 'https://', 'mailto:a@b c']) {
    expect(() => assertContact(wrong)).toThrow(expect.objectContaining({ code: 'USAGE_INVALID_ARGUMENT' }));
  }
});

test('a dial that does not fit into a push stays at the broker', () => {
  expect(encodeWakeNote(new Uint8Array(2900)).length).toBeGreaterThan(3800);
  expect(encodeWakeNote(new Uint8Array(2900)).length).toBeLessThanOrEqual(MAX_PUSH_BYTES);
  expect(encodeWakeNote(new Uint8Array(2990))).toEqual(encodeWakeNote());
});

test('the connection goes to the address that was looked at, whatever the name leads to the next moment', async () => {
  const { port, requests } = await listener();
  const asked: string[] = [];
  // Nobody listens at the first address; at the second, where the name and the resolver lead from now on, the server does.
  const resolve = async (host: string) => [asked.push(host) === 1 ? '127.0.0.2' : '127.0.0.1'];
  const options = { resolve, privateNetworks: true, ca: fixture('certificate.pem'), timeout: 5000 };
  const url = new URL(`https://localhost:${port}/x`);
  await expect(post(url, {}, new Uint8Array(1), options)).rejects.toMatchObject({ code: 'TRANSPORT_UNREACHABLE' });
  expect(asked).toEqual(['localhost']);
  expect(requests).toEqual([]);
  expect(await post(url, {}, new Uint8Array(1), options)).toEqual({ status: 201 });
  expect(requests).toEqual([`localhost:${port}`]);
});

test.each([[['127.0.0.1']], [['8.8.8.8', '127.0.0.1']], [['::ffff:127.0.0.1']]])(
  'a name that leads to %j, one of them private, is not connected to',
  async (addresses) => {
    const { port, connections } = await listener();
    const options = { resolve: async () => addresses, privateNetworks: false, ca: undefined, timeout: 5000 };
    const going = post(new URL(`https://localhost:${port}/x`), {}, new Uint8Array(1), options);
    await expect(going).rejects.toMatchObject({ code: 'TRANSPORT_REFUSED' });
    expect(connections()).toBe(0);
  },
);

test('a certificate of another name, or of an authority that is not trusted, is refused', async () => {
  const { port, requests } = await listener();
  const to = { resolve: async () => ['127.0.0.1'], privateNetworks: true, timeout: 5000 };
  const ca = fixture('certificate.pem');
  for (const [name, trust] of [
    ['push.example', ca],
    ['localhost', undefined],
  ] as const) {
    const going = post(new URL(`https://${name}:${port}/x`), {}, new Uint8Array(1), { ...to, ca: trust });
    await expect(going).rejects.toMatchObject({ code: 'TRANSPORT_UNREACHABLE' });
  }
  expect(requests).toEqual([]);
});

test('a service that does not answer, or does not stop answering, holds nobody up', async () => {
  const silent = await listener(() => {});
  const to = { resolve: async () => ['127.0.0.1'], privateNetworks: true, ca: fixture('certificate.pem') };
  const going = post(new URL(`https://localhost:${silent.port}/x`), {}, new Uint8Array(1), { ...to, timeout: 300 });
  await expect(going).rejects.toMatchObject({ code: 'TRANSPORT_TIMEOUT' });
  const stuck = { ...to, timeout: 300, resolve: () => new Promise<string[]>(() => {}) };
  const resolving = post(new URL(`https://localhost:${silent.port}/x`), {}, new Uint8Array(1), stuck);
  await expect(resolving).rejects.toMatchObject({ code: 'TRANSPORT_TIMEOUT' });

  let cut!: () => void;
  const wasCut = new Promise<void>((resolve) => {
    cut = resolve;
  });
  const endless = await listener((response) => {
    response.once('close', cut);
    response.writeHead(201, { 'Retry-After': '7' });
    const more = () => {
      if (!response.destroyed) response.write(new Uint8Array(1 << 16), more);
    };
    more();
  });
  const url = new URL(`https://localhost:${endless.port}/x`);
  expect(await post(url, {}, new Uint8Array(1), { ...to, timeout: 5000 })).toEqual({ status: 201, retryAfter: '7' });
  await wasCut;
});

type Respond = (response: import('node:http').ServerResponse) => void;

/** A server at 127.0.0.1 alone. */
async function listener(respond: Respond = (response) => void response.writeHead(201).end()) {
  const requests: string[] = [];
  let count = 0;
  const tls = { cert: fixture('certificate.pem'), key: fixture('key.pem') };
  const server = createServer(tls, (request, response) => {
    requests.push(request.headers.host ?? '');
    request.resume();
    respond(response);
  });
  server.on('connection', () => count++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing(async () => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, requests, connections: () => count };
}
