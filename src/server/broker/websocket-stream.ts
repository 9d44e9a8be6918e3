import { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';

/** How long a peer may take to answer our closing frame, in milliseconds. */
const CLOSE_PATIENCE = 2_000;

/** Close codes of RFC 6455 §7.4.1. */
const CLOSE = { goingAway: 1001, unsupportedData: 1003 } as const;

/**
 * A byte stream over a WebSocket that speaks MQTT: binary messages only (MQTT 3.1.1 §6), whose boundaries mean nothing.
 *
 * All that was written since the last flush leaves as one frame. A frame for each write, as `createWebSocketStream` sends
 * them, costs a browser four times the work. Back-pressure holds both ways: the next flush waits until the socket took
 * the last one, and reading pauses while nobody takes what has arrived.
 */
export function webSocketStream(socket: WebSocket): Duplex {
  const stream = new Duplex({
    allowHalfOpen: false,
    read: () => socket.resume(),
    write: (chunk: Uint8Array, _encoding, done) => socket.send(chunk, done),
    writev: (chunks, done) => socket.send(Buffer.concat(chunks.map(({ chunk }) => chunk as Uint8Array)), done),
    final: (done) => {
      hangUp(socket);
      done();
    },
    destroy: (error, done) => {
      hangUp(socket);
      done(error);
    },
  });

  socket.on('message', (data: Uint8Array, isBinary) => {
    if (stream.destroyed) return;
    if (!isBinary) {
      socket.close(CLOSE.unsupportedData);
      stream.destroy();
    } else if (!stream.push(data)) {
      socket.pause();
    }
  });
  socket.on('error', (error) => stream.destroy(error));
  socket.on('close', () => {
    if (!stream.destroyed) stream.push(null);
  });
  return stream;
}

/** Says goodbye behind what was sent already, and does not wait for ever for the answer. */
function hangUp(socket: WebSocket): void {
  if (socket.readyState !== socket.OPEN) return;
  // A paused socket would never see the answer.
  socket.resume();
  socket.close(CLOSE.goingAway);
  const timer = setTimeout(() => socket.terminate(), CLOSE_PATIENCE);
  timer.unref();
  socket.once('close', () => clearTimeout(timer));
}
