import { concat, utf8 } from '../../bytes/bytes.js';

/** The type PUBLISH and the flag RETAIN of a fixed header (MQTT 3.1.1 §3.3.1). */
const PUBLISH = 0x30;
const RETAIN = 0x01;

const NO_PROPERTIES = Uint8Array.of(0);
const NOTHING = new Uint8Array(0);

/** All of a PUBLISH packet of QoS 0 that stands before the payload: fixed header, topic, and in MQTT 5 the absence of properties. */
export function publishHead(version: number, topic: string, payloadLength: number, retain: boolean): Uint8Array {
  const name = utf8(topic);
  const properties = version === 5 ? NO_PROPERTIES : NOTHING;
  const length = remainingLength(2 + name.length + properties.length + payloadLength);
  const topicLength = Uint8Array.of(name.length >> 8, name.length & 0xff);
  return concat(Uint8Array.of(PUBLISH | (retain ? RETAIN : 0)), length, topicLength, name, properties);
}

/** A variable byte integer: seven bits a byte, the lowest first (MQTT 3.1.1 §2.2.3). */
function remainingLength(length: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = length; bytes.length === 0 || rest > 0; rest >>= 7)
    bytes.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
  return Uint8Array.from(bytes);
}
