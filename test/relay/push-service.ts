import { createDecipheriv, createECDH, createHmac, createPublicKey, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { jwtVerify } from 'jose';
import type { PushSubscriptionLike } from '../../src/client/relay/push-desk.js';
import type { PushOptions } from '../../src/server/relay/relay.js';
import { closing } from '../client/world.js';

const fixture = (name: string) => readFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url), 'utf8');

/** What a push service got: verified and decrypted as RFC 8292 and RFC 8291 say, by code of its own. */
export interface Received {
  readonly content: Uint8Array;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The claims of the VAPID token. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** The key that it is signed with, base64url. */
  readonly key: string;
  readonly path: string;
}

/** A push service on loopback. */
export interface PushService {
  readonly origin: string;
  /** What was taken, and every request that came. */
  readonly received: Received[];
  readonly requests: string[];
  /** How the next requests are answered, one after the other; 201 when there is nothing left. */
  answers: { readonly status: number; readonly headers?: Readonly<Record<string, string>> }[];
  /** A browser's subscription. */
  subscribe(): PushSubscriptionLike & { readonly endpoint: string };
  /** How a relay is told of it. */
  readonly options: PushOptions;
}

interface Keys {
  readonly privateKey: Uint8Array;
  readonly auth: Uint8Array;
}

/** Starts one, until the end of the test. */
export async function createPushService(options: Partial<PushOptions> = {}): Promise<PushService> {
  const certificate = fixture('certificate.pem');
  const keys = new Map<string, Keys>();
  const received: Received[] = [];
  const requests: string[] = [];
  const server = createServer({ cert: certificate, key: fixture('key.pem') }, async (request, response) => {
    const path = request.url ?? '';
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk);
    requests.push(path);
    const { status, headers } = service.answers.shift() ?? { status: 201 };
    if (status < 300) {
      const { authorization = '' } = request.headers;
      const { claims, key } = await verifyVapid(authorization, service.origin);
      const content = decryptPush(Buffer.concat(chunks), keys.get(path) as Keys);
      received.push({ content, headers: request.headers, claims, key, path });
    }
    response.writeHead(status, headers).end('x'.repeat(100));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing(async () => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const service: PushService = {
    ...{ origin: `https://localhost:${port}`, received, requests, answers: [] },
    subscribe() {
      const ecdh = createECDH('prime256v1');
      const path = `/push/${randomBytes(9).toString('base64url')}`;
      const own = { publicKey: ecdh.generateKeys(), privateKey: ecdh.getPrivateKey(), auth: randomBytes(16) };
      keys.set(path, own);
      const text = { p256dh: own.publicKey.toString('base64url'), auth: own.auth.toString('base64url') };
      return { endpoint: service.origin + path, expirationTime: null, keys: text };
    },
    options: {
      ...{ contact: 'mailto:relay@example.org', hosts: [`localhost:${port}`], ca: certificate, after: 300 },
      ...{ privateNetworks: true, resolve: async () => ['127.0.0.1'], againAfter: 100 },
      ...options,
    },
  };
  return service;
}

/** Verifies `Authorization: vapid t=…, k=…` (RFC 8292 §3). */
async function verifyVapid(authorization: string, audience: string) {
  const [, token = '', key = ''] = /^vapid t=([^,]+), ?k=([\w-]+)$/.exec(authorization) ?? [];
  const point = Buffer.from(key, 'base64url');
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((part) => part.toString('base64url'));
  const publicKey = createPublicKey({ key: { kty: 'EC', crv: 'P-256', x, y } as never, format: 'jwk' });
  const { payload } = await jwtVerify(token, publicKey, { algorithms: ['ES256'], audience });
  return { claims: payload, key };
}

/** Decrypts one `aes128gcm` record (RFC 8188 §2) under the keys of RFC 8291 §3.4. */
export function decryptPush(body: Uint8Array, { privateKey, auth }: Keys): Uint8Array {
  const message = Buffer.from(body);
  const salt = message.subarray(0, 16);
  const recordSize = message.readUInt32BE(16);
  const keyLength = message.readUInt8(20);
  const serverKey = message.subarray(21, 21 + keyLength);
  const record = message.subarray(21 + keyLength);
  if (record.length > recordSize) throw new TypeError('more than one record');
  const ecdh = createECDH('prime256v1');
  ecdh.setPrivateKey(Buffer.from(privateKey));
  const hmac = (key: Uint8Array, ...parts: (Uint8Array | string)[]) => {
    const made = createHmac('sha256', key);
    for (const part of parts) made.update(part);
    return made.digest();
  };
  const shared = hmac(auth, ecdh.computeSecret(serverKey));
  const ikm = hmac(shared, 'WebPush: info\0', ecdh.getPublicKey(), serverKey, '\x01');
  const prk = hmac(salt, ikm);
  const cek = hmac(prk, 'Content-Encoding: aes128gcm\0\x01').subarray(0, 16);
  const nonce = hmac(prk, 'Content-Encoding: nonce\0\x01').subarray(0, 12);
  const decipher = createDecipheriv('aes-128-gcm', cek, nonce);
  decipher.setAuthTag(record.subarray(-16));
  const padded = Buffer.concat([decipher.update(record.subarray(0, -16)), decipher.final()]);
  const end = padded.lastIndexOf(2);
  if (end < 0 || padded.subarray(end + 1).some((byte) => byte !== 0)) throw new TypeError('no delimiter');
  return new Uint8Array(padded.subarray(0, end));
}
