import { isSealMQError } from '../../errors.js';
import type { RtcChannel, RtcConnection, RtcPath } from '../../ports/rtc.js';
import { decodeRecord, encodeRecordMessage } from '../../protocol/call/record.js';
import type { CallPort } from './port.js';

/** Which way a call takes. */
export type CallPath = RtcPath | 'mqtt';

/** A way for records. */
export interface Way {
  readonly path: CallPath;
  /** Whether more is to wait until {@link onRoom} has been called. */
  full(channel: RtcChannel): boolean;
  /** Whether everything has gone out that was sent: what is still under way need not be said again. */
  readonly clear: boolean;
  /**
   * Sends one record, as `RecordCipher.seal` made it; one that cannot go is lost, and goes again over the next way. Its memory is the
   * sender's again afterwards.
   */
  send(channel: RtcChannel, record: Uint8Array): void;
  /** Called when there is room again. */
  onRoom: () => void;
}

/** Bytes that may wait in a WebRTC stack, and on their way to the broker. */
const MAX_BUFFERED = 1024 * 1024;
const MAX_PUBLISHING = 512 * 1024;

/** The way over a connection of WebRTC. */
export function rtcWay(connection: RtcConnection, path: RtcPath): Way {
  return {
    path,
    full: (channel) => connection.buffered(channel) > MAX_BUFFERED,
    get clear() {
      return connection.buffered('ordered') === 0;
    },
    send(channel, record) {
      try {
        connection.send(channel, record);
      } catch (error) {
        if (!isSealMQError(error, 'TRANSPORT_CLOSED')) throw error;
      }
    },
    onRoom: () => {},
  };
}

/** The way over the broker: in order, QoS 1. */
export function mqttWay(port: Pick<CallPort, 'publish'>, address: string, call: Uint8Array): Way {
  let publishing = 0;
  const way: Way = {
    path: 'mqtt',
    full: () => publishing > MAX_PUBLISHING,
    get clear() {
      return publishing === 0;
    },
    send(_channel, record) {
      const bytes = encodeRecordMessage(call, decodeRecord(record));
      const size = bytes.length;
      publishing += size;
      const done = () => {
        publishing -= size;
        way.onRoom();
      };
      port.publish(address, bytes).then(done, done);
    },
    onRoom: () => {},
  };
  return way;
}
