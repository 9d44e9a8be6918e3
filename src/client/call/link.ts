import { isSealMQError } from '../../errors.js';
import type { IcePolicy, IceServer, Rtc, RtcConnection } from '../../ports/rtc.js';
import type { Candidate } from '../../protocol/call/body.js';
import { type CallRecord, decodeRecord } from '../../protocol/call/record.js';
import { rtcWay, type Way } from './way.js';

/** What a link tells. `round` says which attempt it is about. */
export interface LinkEvents {
  candidate(round: number, candidate: Candidate): void;
  record(record: CallRecord): void;
  /** This way works. */
  up(way: Way): void;
  /** There is no way any more, or none at all. */
  down(): void;
}

/** How a link finds its way. */
export interface LinkOptions {
  readonly rtc: Rtc;
  readonly policy: IcePolicy;
  readonly events: LinkEvents;
}

/** One attempt: a connection, and whether the other side's description was handed to it. */
interface Attempt {
  readonly round: number;
  readonly connection: RtcConnection;
  up: boolean;
}

/**
 * The WebRTC connections of one call, one after the other: a new round is a new connection, since not every stack can restart ICE
 * in an old one. The old one goes on until the new one is up.
 */
export class Link {
  readonly #options: LinkOptions;
  #current: Attempt | undefined;
  #next: Attempt | undefined;
  #closed = false;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** Our description as the one who begins. @throws `DECODE_RTC`, `USAGE_INVALID_ARGUMENT` */
  offer(round: number, iceServers: readonly IceServer[]): Promise<string> {
    return this.#begin(round, iceServers).offer();
  }

  /** Our description in answer to theirs. @throws `DECODE_RTC`, `USAGE_INVALID_ARGUMENT` */
  answer(round: number, iceServers: readonly IceServer[], sdp: string): Promise<string> {
    return this.#begin(round, iceServers).answer(sdp);
  }

  /** Their description in answer to ours. */
  async accept(round: number, sdp: string): Promise<void> {
    const attempt = this.#attempt(round);
    if (!attempt) return;
    try {
      await attempt.connection.accept(sdp);
    } catch (error) {
      if (!isSealMQError(error, 'DECODE_RTC')) throw error;
      this.#lose(attempt);
    }
  }

  /** A candidate of theirs, behind their description. */
  addCandidate(round: number, candidate: Candidate): void {
    this.#attempt(round)?.connection.addCandidate(candidate);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const attempts = [this.#current, this.#next];
    this.#current = undefined;
    this.#next = undefined;
    await Promise.all(attempts.map((attempt) => attempt?.connection.close()));
  }

  #begin(round: number, iceServers: readonly IceServer[]): RtcConnection {
    const { rtc, policy, events } = this.#options;
    void this.#next?.connection.close();
    const connection = rtc.create({
      ...{ iceServers, policy },
      handlers: {
        candidate: (candidate) => events.candidate(round, candidate),
        state: (state) => {
          if (state === 'connected') void this.#rise(attempt);
          else if (state !== 'connecting') this.#lose(attempt);
        },
        message: (_channel, bytes) => {
          const record = recordIn(bytes);
          if (record) events.record(record);
        },
        drained: () => this.#ways.get(attempt)?.onRoom(),
      },
    });
    const attempt: Attempt = { round, connection, up: false };
    this.#next = attempt;
    return connection;
  }

  readonly #ways = new WeakMap<Attempt, Way>();

  #attempt(round: number): Attempt | undefined {
    return [this.#next, this.#current].find((attempt) => attempt?.round === round);
  }

  async #rise(attempt: Attempt): Promise<void> {
    const path = await attempt.connection.path().catch(() => undefined);
    if (!path || this.#closed || (attempt !== this.#next && attempt !== this.#current)) return;
    if (attempt === this.#next) {
      void this.#current?.connection.close();
      this.#current = attempt;
      this.#next = undefined;
    }
    attempt.up = true;
    const way = rtcWay(attempt.connection, path);
    this.#ways.set(attempt, way);
    this.#options.events.up(way);
  }

  #lose(attempt: Attempt): void {
    if (this.#closed || (attempt !== this.#current && attempt !== this.#next)) return;
    const worked = attempt.up;
    attempt.up = false;
    // One that failed while the old way still works is no loss.
    if (attempt === this.#next && this.#current?.up) {
      this.#next = undefined;
      void attempt.connection.close();
    } else if (worked || attempt === this.#next) this.#options.events.down();
  }
}

/** What is no record is nobody's loss. */
function recordIn(bytes: Uint8Array): CallRecord | undefined {
  try {
    return decodeRecord(bytes);
  } catch (error) {
    if (isSealMQError(error)) return undefined;
    throw error;
  }
}
