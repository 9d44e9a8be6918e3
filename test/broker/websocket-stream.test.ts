import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { describe, expect, it, vi } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { webSocketStream } from '../../src/server/broker/websocket-stream.js';
import { afterTest, next } from './clients.js';

/** A stream at one end, and at the other the bare WebSocket with the frames it got. */
async function openPair(): Promise<{ stream: Duplex; peer: WebSocket; frames: string[] }> {
  const server = createServer().listen(0, '127.0.0.1');
  const webSockets = new WebSocketServer({ server });
  await next(server, 'listening');
  const peer = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const frames: string[] = [];
  peer.on('message', (data) => frames.push(data.toString()));
  const [[socket]] = await Promise.all([next(webSockets, 'connection'), next(peer, 'open')]);
  afterTest(async () => {
    peer.terminate();
    server.close();
  });
  return { stream: webSocketStream(socket as WebSocket), peer, frames };
}

describe('webSocketStream', () => {
  it('sends what was written between two flushes as one frame', async () => {
    const { stream, frames } = await openPair();
    stream.cork();
    for (const text of ['a', 'b', 'c']) stream.write(text);
    stream.uncork();
    stream.write('d');
    stream.write('e');
    await vi.waitFor(() => expect(frames).toEqual(['abc', 'de']));
  });

  it('stops reading while nobody takes what arrives, and loses nothing', async () => {
    const { stream, peer } = await openPair();
    const piece = Buffer.alloc(64 * 1024, 'x');
    const pieces = 400;
    for (let count = 0; count < pieces; count += 1) peer.send(piece);
    await next(stream, 'readable');
    await new Promise((resolve) => setImmediate(resolve));
    expect(stream.readableLength).toBeLessThan(pieces * piece.length);
    let total = 0;
    stream.on('data', (data: Uint8Array) => {
      total += data.length;
    });
    await vi.waitFor(() => expect(total).toBe(pieces * piece.length), 10_000);
  });

  it('tells the writer to wait while the peer does not read', async () => {
    const { stream, peer } = await openPair();
    peer.pause();
    let accepted = 0;
    const writeUntilFull = () => {
      while (accepted < 10_000 && stream.write(Buffer.alloc(16 * 1024))) accepted += 1;
    };
    stream.on('drain', writeUntilFull);
    writeUntilFull();
    expect(stream.writableNeedDrain).toBe(true);
    let total = 0;
    peer.on('message', (data: Uint8Array) => {
      total += data.length;
    });
    peer.resume();
    stream.off('drain', writeUntilFull);
    stream.end();
    await next(peer, 'close');
    expect(total).toBe((accepted + 1) * 16 * 1024);
  });

  it('delivers what was written before it is destroyed, and ends when the peer goes', async () => {
    const { stream, peer, frames } = await openPair();
    stream.write('last words');
    setImmediate(() => stream.destroy());
    await next(peer, 'close');
    expect(frames).toEqual(['last words']);

    const other = await openPair();
    other.peer.send(Buffer.from('farewell'));
    other.peer.close();
    const heard: string[] = [];
    for await (const data of other.stream) heard.push(String(data));
    expect(heard).toEqual(['farewell']);
  });
});
