import type { Client } from 'aedes';
import { SealMQError } from '../../errors.js';

/** What the parser of aedes' clients has and does not declare. */
interface Parser {
  /** The packet that is being received; its length, without the fixed header, is -1 until known. */
  readonly packet: { readonly length: number };
  parse(bytes: Uint8Array): number;
}

/**
 * Hangs up on a client that announces a packet longer than `maxBytes`. The length stands at the head of a packet (MQTT
 * 3.1.1 §2.2.3), so nothing but the bytes that came along with it is ever held; without this, any stranger could have
 * 256 MiB collected before the first packet is complete.
 */
export function limitPackets(client: Client, maxBytes: number): void {
  const { _parser: parser } = client as Client & { _parser: Parser };
  const parse = parser.parse.bind(parser);
  parser.parse = (bytes) => {
    const left = parse(bytes);
    if (parser.packet.length > maxBytes) client.emit('error', new SealMQError('TRANSPORT_REFUSED', 'packet too large'));
    return left;
  };
}
