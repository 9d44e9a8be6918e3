import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Rtc, RtcCandidate, RtcConnection } from '../../src/ports/rtc.js';

/** A network of UDP between WebRTC connections, which forwards every packet itself, and can stop doing so. */
export interface UdpNetwork {
  /** The stack, with the addresses of its candidates exchanged for doors of this network: no packet goes beside it. */
  through(rtc: Rtc): Rtc;
  /** The candidate with a door of this network in place of its address; none but addresses of IPv4 have one. */
  exchanged(candidate: RtcCandidate): Promise<RtcCandidate | undefined>;
  /** Packets that were forwarded so far. */
  readonly forwarded: number;
  /** All doors swallow everything from now on, without a word, as do those that come later. */
  cut(): void;
  /** Doors that came after the last cut work; those before it never do again. */
  heal(): void;
  close(): Promise<void>;
}

/** A socket of this network. */
interface Door {
  readonly socket: Socket;
  swallows: boolean;
}

/** `candidate:foundation component UDP priority address port typ host …` (RFC 8839 §5.1), IPv4 alone. */
const CANDIDATE = /^(candidate:\S+ \d+ udp \d+) (\d+\.\d+\.\d+\.\d+) (\d+) (typ host.*)$/i;

export function udpNetwork(): UdpNetwork {
  const doors = new Set<Door>();
  let whole = true;
  let forwarded = 0;

  async function open(address: string): Promise<Door> {
    const socket = createSocket('udp4');
    const door = { socket, swallows: false };
    doors.add(door);
    socket.bind(0, address);
    await once(socket, 'listening');
    return door;
  }

  /** A door to `port` at `address`. Whoever knocks gets a door of their own, at which the answers come back. */
  async function doorTo(address: string, port: number): Promise<number> {
    const door = await open(address);
    const backs = new Map<string, Promise<Door>>();
    const forward = (packet: Uint8Array, from: Door, to: { address: string; port: number }) => {
      if (!whole || door.swallows) return;
      forwarded++;
      from.socket.send(packet, to.port, to.address, () => {});
    };
    door.socket.on('message', async (packet, guest) => {
      const name = `${guest.address}:${guest.port}`;
      const made = backs.get(name) ?? open(address);
      if (!backs.has(name)) {
        backs.set(name, made);
        (await made).socket.on('message', (answer) => forward(answer, door, guest));
      }
      forward(packet, await made, { address, port });
    });
    return door.socket.address().port;
  }

  async function exchanged(candidate: RtcCandidate): Promise<RtcCandidate | undefined> {
    if (candidate.candidate === '') return candidate;
    const [, head, address, port, tail] = CANDIDATE.exec(candidate.candidate) ?? [];
    if (!address) return undefined;
    return { ...candidate, candidate: `${head} ${address} ${await doorTo(address, Number(port))} ${tail}` };
  }

  return {
    exchanged,
    through: (rtc) => ({
      name: `${rtc.name} through a network`,
      create({ handlers, ...options }) {
        const candidate = (own: RtcCandidate) =>
          void exchanged(own).then((theirs) => theirs && handlers.candidate(theirs));
        const connection = rtc.create({ ...options, handlers: { ...handlers, candidate } });
        const described: Partial<RtcConnection> = {
          offer: async () => withoutCandidates(await connection.offer()),
          answer: async (sdp) => withoutCandidates(await connection.answer(sdp)),
        };
        return Object.assign(Object.create(connection), described);
      },
    }),
    get forwarded() {
      return forwarded;
    },
    cut() {
      whole = false;
      for (const door of doors) door.swallows = true;
    },
    heal() {
      whole = true;
    },
    async close() {
      await Promise.all([...doors].map(({ socket }) => new Promise<void>((resolve) => socket.close(() => resolve()))));
    },
  };
}

/** They come one by one, by the handler. */
function withoutCandidates(sdp: string): string {
  return sdp
    .split('\r\n')
    .filter((line) => !line.startsWith('a=candidate:'))
    .join('\r\n');
}
