import type { Rtc, RtcConnection, RtcHandlers } from '../../src/ports/rtc.js';

/** A stack whose connections can be broken, as a network that goes away breaks them. */
export interface BreakableRtc extends Rtc {
  /** Connections that were made and not closed. */
  readonly open: number;
  readonly made: number;
  /** Breaks all that there are; with `forGood`, all that come as well. */
  break(forGood?: boolean): void;
}

export function breakable(rtc: Rtc): BreakableRtc {
  const open = new Map<RtcConnection, RtcHandlers>();
  let dead = false;
  let made = 0;
  return {
    name: `breakable ${rtc.name}`,
    get open() {
      return open.size;
    },
    get made() {
      return made;
    },
    create(options) {
      made++;
      let broken = dead;
      const handlers: RtcHandlers = {
        candidate: (candidate) => broken || options.handlers.candidate(candidate),
        state: (state) => broken || options.handlers.state(state),
        message: (channel, bytes) => broken || options.handlers.message(channel, bytes),
        drained: (channel) => broken || options.handlers.drained(channel),
      };
      const connection = rtc.create({ ...options, handlers });
      const wrapped: RtcConnection = {
        offer: () => connection.offer(),
        answer: (sdp) => connection.answer(sdp),
        accept: (sdp) => connection.accept(sdp),
        addCandidate: (candidate) => broken || connection.addCandidate(candidate),
        get maxMessageBytes() {
          return connection.maxMessageBytes;
        },
        buffered: (channel) => (broken ? 0 : connection.buffered(channel)),
        send(channel, bytes) {
          if (!broken) connection.send(channel, bytes);
        },
        path: () => connection.path(),
        close() {
          open.delete(wrapped);
          return connection.close();
        },
      };
      open.set(wrapped, {
        ...handlers,
        state(state) {
          broken = true;
          options.handlers.state(state);
        },
      });
      return wrapped;
    },
    break(forGood = false) {
      dead ||= forGood;
      for (const handlers of open.values()) handlers.state('failed');
    },
  };
}
