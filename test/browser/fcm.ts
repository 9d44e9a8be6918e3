import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import type { BrowserContext } from 'playwright-core';
import type { PushOptions } from '../../src/server/relay/relay.js';
import { bytesField, fixed64Field, numberField, varint } from './protobuf.js';

/**
 * Google's push service on loopback: as Chromium sees it (check-in, registration, and the lasting connection that pushes come over), and as
 * relays see it (RFC 8030). It hands on what it gets: Chromium has the keys, and decrypts.
 */
export interface Fcm {
  /** What leads a Chromium here. */
  readonly chromiumArguments: readonly string[];
  /** Where relays push to. Chromium itself names Google's host in its endpoints. */
  readonly origin: string;
  /** How a relay is told of it. */
  readonly options: Omit<PushOptions, 'contact'>;
  /** Lets pages name this push service where their browser would name Google's. */
  replace(context: BrowserContext): Promise<void>;
  /** What it answered relays: status codes. */
  readonly answered: readonly number[];
  close(): Promise<void>;
}

/** Who registered: a page's subscription. */
interface Subscriber {
  /** The key of the relay that may push, base64url. */
  readonly sender: string;
  readonly app: string;
  readonly subtype: string;
}

/** Types of messages on the lasting connection (MCS), and its version. */
const LOGIN_RESPONSE = 3;
const DATA_MESSAGE = 8;
const VERSION = 41;

const fixture = (name: string) => readFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url), 'utf8');

export async function startFcm(): Promise<Fcm> {
  const tls = { cert: fixture('certificate.pem'), key: fixture('key.pem') };
  const subscribers = new Map<string, Subscriber>();
  const answered: number[] = [];
  // A push that comes before Chromium has connected waits.
  const waiting: Buffer[] = [];
  let connection: TLSSocket | undefined;

  const lasting = createTlsServer(tls, (socket) => {
    socket.on('error', () => {});
    socket.on('close', () => {
      if (connection === socket) connection = undefined;
    });
    // The first that comes is its login.
    socket.once('data', () => {
      const login = Buffer.concat([bytesField(1, 'login'), numberField(8, Date.now())]);
      socket.write(Buffer.concat([Buffer.of(VERSION), framed(LOGIN_RESPONSE, login)]));
      for (const push of waiting.splice(0)) socket.write(push);
      connection = socket;
      socket.resume();
    });
  });
  const deliver = (push: Buffer) => {
    if (connection) connection.write(push);
    else waiting.push(push);
  };

  const requests = createServer(tls, async (request, response) => {
    const body = await bodyOf(request);
    const path = request.url ?? '';
    if (path === '/checkin') return void response.end(checkedIn());
    if (path === '/register') return void response.end(`token=${register(body, subscribers)}`);
    const subscriber = subscribers.get(path.replace('/fcm/send/', ''));
    const status = subscriber ? verdict(request, subscriber) : 404;
    answered.push(status);
    if (subscriber && status === 201) deliver(push(subscriber, body, answered.length));
    response.writeHead(status).end();
  });

  const [mcs, https] = [await portOf(lasting), await portOf(requests)];
  const origin = `https://localhost:${https}`;
  return {
    ...{ origin, answered },
    options: {
      ...{ hosts: [`localhost:${https}`], ca: tls.cert, privateNetworks: true, resolve: async () => ['127.0.0.1'] },
    },
    replace: async (context) => void (await context.addInitScript(pushTo, origin)),
    chromiumArguments: [
      ...[`--gcm-checkin-url=${origin}/checkin`, `--gcm-registration-url=${origin}/register`],
      ...[`--gcm-mcs-endpoint=https://localhost:${mcs}`, '--ignore-certificate-errors'],
    ],
    async close() {
      connection?.destroy();
      requests.closeAllConnections();
      for (const server of [lasting, requests]) {
        server.close();
        await once(server, 'close');
      }
    },
  };
}

async function portOf(server: ReturnType<typeof createTlsServer>): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** AndroidCheckinResponse: fine, the time, and who you are. */
function checkedIn(): Buffer {
  return Buffer.concat([numberField(1, 1), numberField(3, Date.now()), fixed64Field(7, 1n), fixed64Field(8, 2n)]);
}

/** Answers the token that stands at the end of the endpoint. */
function register(form: Buffer, subscribers: Map<string, Subscriber>): string {
  const fields = new URLSearchParams(form.toString());
  const [sender, app, subtype] = ['sender', 'app', 'X-subtype'].map((name) => fields.get(name) ?? '') as [
    string,
    string,
    string,
  ];
  const token = randomBytes(16).toString('base64url');
  subscribers.set(token, { sender, app, subtype });
  return token;
}

/** 201 for the relay that the page has subscribed to (RFC 8292 §4.2), and for RFC 8291's encoding. */
function verdict({ headers }: IncomingMessage, { sender }: Subscriber): number {
  const [, key] = /^vapid t=[^,]+, ?k=([\w-]+)$/.exec(headers.authorization ?? '') ?? [];
  return key === sender && headers['content-encoding'] === 'aes128gcm' ? 201 : 403;
}

/** DataMessageStanza. */
function push({ sender, app, subtype }: Subscriber, body: Uint8Array, number: number): Buffer {
  const property = (name: string, value: string) =>
    bytesField(7, Buffer.concat([bytesField(1, name), bytesField(2, value)]));
  const [id, ttl, sent] = [`push ${number}`, 90, Date.now()];
  return framed(
    DATA_MESSAGE,
    Buffer.concat([
      ...[bytesField(2, id), bytesField(3, sender), bytesField(5, app)],
      ...[property('subtype', subtype), property('content-encoding', 'aes128gcm')],
      ...[bytesField(9, id), numberField(17, ttl), numberField(18, sent), bytesField(21, body)],
    ]),
  );
}

function framed(type: number, message: Buffer): Buffer {
  return Buffer.concat([Buffer.of(type), varint(message.length), message]);
}

/** Runs in the page. */
function pushTo(origin: string): void {
  const { toJSON } = PushSubscription.prototype;
  PushSubscription.prototype.toJSON = function () {
    const json = toJSON.call(this);
    return { ...json, endpoint: origin + new URL(json.endpoint as string).pathname };
  };
}
