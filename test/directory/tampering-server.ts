import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { KeyProvider } from '../../src/server/key-provider/index.js';

/** An honest answer on its way through a directory, or a network, that is not. */
export interface Passing {
  readonly path: string;
  status: number;
  readonly headers: Map<string, string>;
  body: Uint8Array;
  /** Takes the answer over altogether. */
  take?: (response: ServerResponse) => void;
}

/** A server on a real socket that passes requests on to a key provider and tampers with what it answers. */
export interface TamperingServer {
  readonly url: string;
  /** Done to each answer, until replaced. */
  tamper: (answer: Passing) => void | Promise<void>;
  /** Paths asked for. */
  readonly paths: string[];
  close(): Promise<void>;
}

/** A tampering server in front of `honest`. */
export async function tamperingServer(honest: () => KeyProvider): Promise<TamperingServer> {
  const self = { tamper: (_answer: Passing): void | Promise<void> => {}, paths: [] as string[] };
  const listener: RequestListener = async (request, response) => {
    const path = request.url ?? '/';
    self.paths.push(path);
    const answer = await pass(honest(), path, request.headers['if-none-match']);
    await self.tamper(answer);
    if (answer.take) return answer.take(response);
    response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(answer.body);
  };
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(self, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => shut(server),
  });
}

async function pass(honest: KeyProvider, path: string, tag: string | undefined): Promise<Passing> {
  const headers = tag === undefined ? {} : { 'If-None-Match': tag };
  const answer = await honest.app(new Request(new URL(path, honest.url), { headers }));
  const body = new Uint8Array(await answer.arrayBuffer());
  return { path, status: answer.status, headers: new Map(answer.headers), body };
}

function shut(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}
