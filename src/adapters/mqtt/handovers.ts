import type { MqttClient } from 'mqtt';

/** What becomes of a message after it was handed in: acknowledged; left unacknowledged; or left so, and nothing more read. */
export type Verdict = 'acknowledge' | 'skip' | 'stop';

/** Messages of one connection that are handed in and not through yet, in the order of their arrival. */
export interface Handovers {
  readonly stream: MqttClient['stream'];
  /** Nothing is in hand. */
  readonly idle: boolean;
  /**
   * A message is in hand until its verdict is there and those before it are through; then it is acknowledged, if it is of QoS 1
   * and so has an `id`. `readOn` is called when the client may read on: at once, or when there is less in hand.
   */
  add(
    message: { readonly id: number | undefined; readonly size: number },
    verdict: Promise<Verdict>,
    readOn: () => void,
  ): void;
  /** Calls `then` when all that is in hand is through. */
  behind(then: () => void): void;
}

/** Messages that may be in hand at a time, unless said otherwise, and bytes of them. */
const MOST_IN_HAND = 128;
const MOST_BYTES = 1 << 20;

interface Handover {
  readonly id: number | undefined;
  readonly size: number;
  /** Not `stop`: that is never through. */
  verdict?: Verdict;
  then?: () => void;
}

/** Nothing is in hand on the connection that `client` has now, and there may be `most` messages at a time. */
export function createHandovers(client: MqttClient, most = MOST_IN_HAND): Handovers {
  const { stream } = client;
  const inHand: Handover[] = [];
  let bytes = 0;
  let isFlushing = false;
  let isSkipping = false;
  let held: (() => void) | undefined;

  // An acknowledgement belongs to its connection: on the next one the same packet id can be another message's.
  const isOpen = () => client.connected && !client.disconnecting && client.stream === stream;
  const isRoomy = () => inHand.length < most && bytes < MOST_BYTES;

  /** What is through, up to the first message that is not; the acknowledgements go out together. */
  const flush = () => {
    isFlushing = false;
    if (!isOpen()) return;
    const first = inHand.findIndex(({ verdict }) => verdict === undefined);
    const through = inHand.splice(0, first < 0 ? inHand.length : first);
    const ids: number[] = [];
    for (const { id, size, verdict, then } of through) {
      bytes -= size;
      // What follows a skipped message comes again behind it.
      isSkipping ||= verdict === 'skip';
      if (id !== undefined && !isSkipping) ids.push(id);
      then?.();
    }
    if (ids.length > 0) stream.write(pubacks(ids));
    if (!held || !isRoomy()) return;
    const readOn = held;
    held = undefined;
    readOn();
  };
  const flushSoon = () => {
    if (isFlushing) return;
    isFlushing = true;
    queueMicrotask(flush);
  };
  const put = (handover: Handover) => {
    inHand.push(handover);
    bytes += handover.size;
  };

  return {
    stream,
    get idle() {
      return inHand.length === 0;
    },
    add({ id, size }, verdict, readOn) {
      const handover: Handover = { id, size };
      put(handover);
      void verdict.then((settled) => {
        // Nothing behind it is acknowledged either, nor read.
        if (settled === 'stop') return;
        handover.verdict = settled;
        flushSoon();
      });
      if (isRoomy()) readOn();
      else held = readOn;
    },
    behind(then) {
      put({ id: undefined, size: 0, verdict: 'acknowledge', then });
    },
  };
}

/** PUBACK packets (MQTT 3.1.1 §3.4; in MQTT 5 of reason 0, which need not be written). */
function pubacks(ids: readonly number[]): Uint8Array {
  return Uint8Array.from(ids.flatMap((id) => [0x40, 2, id >> 8, id & 0xff]));
}
