import type { MqttClient } from 'mqtt';
import type { SealMQError } from '../../errors.js';

/** What goes to the socket of one connection without an acknowledgement, and what holds it back. */
export interface Outflow {
  /** Writes one packet, in parts; what is written in one turn of the event loop goes out together. */
  write(head: Uint8Array, payload: Uint8Array): void;
  /** Resolved while the socket takes more; else all who ask wait for the same moment. */
  roomy(): Promise<void>;
  /** The connection is gone: nobody waits any longer. */
  abandon(error: SealMQError): void;
}

const ROOMY = Promise.resolve();

/** Of the connection that `client` has at the moment. A callback of the client's would be one more listener for each message. */
export function createOutflow({ stream }: Pick<MqttClient, 'stream'>): Outflow {
  let corked = false;
  let waiting: Promise<void> | undefined;
  let fail: (error: SealMQError) => void = () => {};

  function uncork(): void {
    corked = false;
    stream.uncork();
  }

  function drained(): Promise<void> {
    return new Promise((resolve, reject) => {
      fail = reject;
      stream.once('drain', () => {
        waiting = undefined;
        resolve();
      });
    });
  }

  return {
    write(head, payload) {
      if (!corked) {
        corked = true;
        stream.cork();
        queueMicrotask(uncork);
      }
      stream.write(head);
      stream.write(payload);
    },
    roomy() {
      if (!stream.writableNeedDrain) return ROOMY;
      waiting ??= drained();
      return waiting;
    },
    abandon: (error) => fail(error),
  };
}
