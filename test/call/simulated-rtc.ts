import type { Rtc, RtcChannel, RtcConnection, RtcHandlers, RtcState } from '../../src/ports/rtc.js';
import type { Random } from '../../src/testing/seeded.js';

/** How the network between connections is. */
export interface Weather {
  /** How many of the connections never come about. */
  readonly unreachable: number;
  /** How many break within a minute, and whether the other side is told at once. */
  readonly broken: number;
  /** Milliseconds that a packet takes, at most. */
  readonly slowest: number;
}

/** One end, and the one that it has a description of. */
interface End {
  readonly id: string;
  readonly handlers: RtcHandlers;
  peer: string | undefined;
  /** Whether a candidate of the other side has come. */
  reachable: boolean;
  state: RtcState;
}

/**
 * WebRTC in virtual time: ends of which each has the other's description, and one a candidate of the other, find each other. All stacks
 * that one call makes share a network.
 */
export function simulatedRtc(random: Random, weather: Weather): Rtc {
  const ends = new Map<string, End>();
  const later = (work: () => void) => setTimeout(work, 1 + random.next(weather.slowest));
  const other = (end: End): End | undefined => {
    const peer = ends.get(end.peer ?? '');
    return peer?.peer === end.id ? peer : undefined;
  };
  const become = (end: End, state: RtcState) => {
    if (!ends.has(end.id) || end.state === state || end.state === 'failed') return;
    end.state = state;
    end.handlers.state(state);
  };
  const connect = (end: End) => {
    const peer = other(end);
    if (!peer || !(end.reachable || peer.reachable) || end.state !== 'connecting') return;
    const state = random.chance(weather.unreachable) ? 'failed' : 'connected';
    for (const one of [end, peer]) later(() => become(one, state));
    if (!random.chance(weather.broken)) return;
    const both = random.chance(0.5) ? [end, peer] : [end];
    setTimeout(() => {
      for (const one of both) become(one, 'failed');
    }, random.next(60_000));
  };

  return {
    name: 'simulated',
    create({ handlers }) {
      const end: End = {
        id: String(random.next(2 ** 31)),
        handlers,
        peer: undefined,
        reachable: false,
        state: 'connecting',
      };
      ends.set(end.id, end);
      const described = () => {
        const candidates = 1 + random.next(3);
        for (let i = 0; i < candidates; i++)
          later(() => ends.has(end.id) && handlers.candidate({ candidate: `candidate:${i} of ${end.id}` }));
        return end.id;
      };
      const meet = (id: string) => {
        end.peer = id;
        connect(end);
      };
      return connectionOf(end, { ends, described, meet, connect, later, other });
    },
  };
}

interface Network {
  readonly ends: Map<string, End>;
  described(): string;
  meet(id: string): void;
  connect(end: End): void;
  later(work: () => void): void;
  other(end: End): End | undefined;
}

function connectionOf(end: End, { ends, described, meet, connect, later, other }: Network): RtcConnection {
  /** When the last packet of the ordered channel is there: none overtakes another. */
  let [queued, arrived] = [0, 0];
  const waiting = new Map<number, () => void>();
  const inOrder = (n: number, deliver: () => void) => {
    waiting.set(n, deliver);
    for (let next = waiting.get(arrived); next; next = waiting.get(arrived)) {
      waiting.delete(arrived++);
      next();
    }
  };
  return {
    offer: async () => described(),
    async answer(offer) {
      meet(offer);
      return described();
    },
    accept: async (answer) => meet(answer),
    addCandidate({ candidate }) {
      end.reachable ||= candidate.endsWith(` of ${end.peer}`);
      connect(end);
    },
    maxMessageBytes: 65_536,
    buffered: () => 0,
    send(channel: RtcChannel, bytes) {
      const peer = other(end);
      const copy = bytes.slice();
      const deliver = () => {
        if (peer && ends.has(peer.id) && end.state === 'connected') peer.handlers.message(channel, copy);
      };
      if (channel === 'unordered') return later(deliver);
      const n = queued++;
      later(() => inOrder(n, deliver));
    },
    path: async () => 'direct',
    async close() {
      ends.delete(end.id);
    },
  };
}
