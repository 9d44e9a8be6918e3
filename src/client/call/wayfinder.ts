import { asSealMQError, type SealMQError } from '../../errors.js';
import type { IceServer } from '../../ports/rtc.js';
import type { Candidate } from '../../protocol/call/body.js';
import type { CallInput, CallOutput, CallState, Role } from '../../protocol/call/state.js';
import type { Line } from './line.js';
import { Link } from './link.js';
import type { CallPort } from './port.js';
import type { CallSettings } from './settings.js';
import { type CallPath, mqttWay, type Way } from './way.js';

/** What a wayfinder needs of its call. */
export interface WayfinderParts {
  readonly port: CallPort;
  readonly settings: CallSettings;
  state(): CallState;
  /** The address of the other side. */
  peer(): string;
  input(input: CallInput): Promise<void>;
  /** It goes another way from now on, or none is known. */
  changed(path: CallPath | undefined): void;
  failed(cause: unknown): void;
  warn(error: SealMQError): void;
}

/** Pauses between two attempts at a new way, in milliseconds: the first, and the longest. */
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 60_000;

/** Finds the ways of one call: over WebRTC, over MQTT while there is none, and anew when one is lost. */
export class Wayfinder {
  readonly #parts: WayfinderParts;
  #line: Line | undefined;
  #link: Link | undefined;
  #weDescribed = false;
  #theyDescribed = false;
  #gathering: { readonly round: number; readonly gathered: Candidate[] } | undefined;
  /** Candidates go behind the description that they belong to. */
  #afterDescription: Promise<unknown> = Promise.resolve();
  #fallback: ReturnType<typeof setTimeout> | undefined;
  #lostAt: number | undefined;
  #askedAt = Number.NEGATIVE_INFINITY;
  #attempts = 0;
  #stopped = false;

  constructor(parts: WayfinderParts) {
    this.#parts = parts;
  }

  get path(): CallPath | undefined {
    return this.#line?.way?.path;
  }

  /** Our description of a round as the one who begins goes to `hand`, and behind it the candidates that were faster. */
  async offer(hand: (sdp: { sdp?: string }) => Promise<void>, round = 0): Promise<void> {
    const gathered: Candidate[] = [];
    this.#gathering = { round, gathered };
    await hand(await this.#describe((link, servers) => link.offer(round, servers)));
    this.#gathering = undefined;
    for (const candidate of gathered) void this.#parts.input({ kind: 'candidate', round, candidate });
  }

  /** The other side's description is there. */
  described(output: Extract<CallOutput, { kind: 'remote' }>): void {
    this.#theyDescribed ||= output.sdp !== undefined;
    const done = this.#afterDescription.then(() => this.#follow(output));
    this.#afterDescription = done.catch((error) => this.#parts.failed(error));
  }

  async #follow({ type, round, sdp }: Extract<CallOutput, { kind: 'remote' }>): Promise<void> {
    const { input } = this.#parts;
    if (type === 'answer') {
      if (sdp !== undefined) await this.#link?.accept(round, sdp);
      else this.#overMqtt();
      return;
    }
    const ours = sdp === undefined ? {} : await this.#describe((link, servers) => link.answer(round, servers, sdp));
    if (round === 0) await input({ kind: 'describe', ...ours, now: performance.now() });
    else if (ours.sdp !== undefined) await input({ kind: 'redescribe', round, sdp: ours.sdp });
  }

  /** A candidate of the other side. */
  addCandidate(round: number, candidate: Candidate): void {
    this.#afterDescription = this.#afterDescription.then(() => this.#link?.addCandidate(round, candidate));
  }

  /** The line that ways are wanted for; the descriptions of both, if any, are known. */
  open(line: Line, role: Role): void {
    this.#line = line;
    // Both must have described a way, or there is none to look for.
    if (!this.#weDescribed || (role === 'caller' && !this.#theyDescribed)) this.#overMqtt();
    else this.#fallBackLater(this.#parts.settings.fallbackAfter);
  }

  /** Looks for a new way under the same keys, unless it has just done so: the callee describes one, the caller asks for it. */
  async restart(): Promise<void> {
    const { input } = this.#parts;
    const state = this.#parts.state();
    const now = performance.now();
    if (!this.#link || (state.phase !== 'connected' && state.phase !== 'connecting')) return;
    if (now - this.#askedAt < Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** this.#attempts)) return;
    this.#askedAt = now;
    this.#attempts++;
    if (state.role === 'caller') return input({ kind: 'restart' });
    await this.offer((sdp) => input({ kind: 'restart', ...sdp }), state.ice.round + 1);
  }

  /** Nothing comes by the way that there is, whatever its stack says: MQTT meanwhile, and a new one is looked for. */
  doubt(): void {
    this.#lostAt ??= performance.now();
    this.#overMqtt();
    void this.restart();
  }

  /** Time has passed. */
  tick(): void {
    if (this.#lostAt !== undefined && performance.now() - this.#lostAt >= FIRST_PAUSE) void this.restart();
  }

  /** We hang up. That all of theirs was taken is said over MQTT as well: a stack that is closed drops what it has not sent. */
  confirm(): void {
    const { port, peer, state } = this.#parts;
    if (this.#line?.complete && this.path !== 'mqtt') this.#line.acknowledge(mqttWay(port, peer(), state().call));
  }

  /** Nothing more is looked for; what there is goes on until {@link close}. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#fallback);
  }

  async close(): Promise<void> {
    await this.#link?.close();
  }

  /** Our description, or none: then it is MQTT. */
  async #describe(make: (link: Link, iceServers: readonly IceServer[]) => Promise<string>): Promise<{ sdp?: string }> {
    const { rtc, policy, iceServers: servers } = this.#parts.settings;
    if (!rtc) return {};
    try {
      // Asked anew for each connection: credentials run out, and servers come and go.
      const iceServers = await servers();
      // It may be over by now, and nobody would close what is made here.
      if (this.#stopped) return {};
      // There is no way that we would take: nobody need wait for one.
      if (policy === 'relay' && !iceServers.some(relays)) return {};
      this.#link ??= new Link({ rtc, policy, events: this.#linkEvents() });
      const sdp = await make(this.#link, iceServers);
      this.#weDescribed = true;
      return { sdp };
    } catch (cause) {
      if (!this.#stopped) this.#parts.warn(asSealMQError(cause, 'DECODE_RTC', 'no direct way'));
      return {};
    }
  }

  #linkEvents(): ConstructorParameters<typeof Link>[0]['events'] {
    return {
      candidate: (round, candidate) => {
        if (this.#gathering?.round === round) this.#gathering.gathered.push(candidate);
        else void this.#parts.input({ kind: 'candidate', round, candidate });
      },
      record: (record) => this.#line?.take(record, 'rtc'),
      up: (way) => {
        this.#waitNoMore();
        this.#attempts = 0;
        this.#lostAt = undefined;
        this.#use(way);
      },
      down: () => {
        const { phase } = this.#parts.state();
        if (phase === 'closed') return;
        this.#lostAt ??= performance.now();
        if (this.path !== 'mqtt') this.#use(undefined);
        this.#fallBackLater(phase === 'connected' ? this.#parts.settings.fallbackAfter / 2 : 0);
        // Later it waits for a moment: they may just have hung up, and the word of it be on its way.
        if (phase === 'connecting') void this.restart();
      },
    };
  }

  #use(way: Way | undefined): void {
    const before = this.path;
    this.#line?.use(way);
    if (this.path !== before) this.#parts.changed(this.path);
  }

  #overMqtt(): void {
    const { port, peer, state } = this.#parts;
    this.#waitNoMore();
    if (this.#line && this.path !== 'mqtt') this.#use(mqttWay(port, peer(), state().call));
  }

  #fallBackLater(milliseconds: number): void {
    this.#fallback ??= setTimeout(() => this.#overMqtt(), milliseconds);
  }

  #waitNoMore(): void {
    clearTimeout(this.#fallback);
    this.#fallback = undefined;
  }
}

function relays({ urls }: IceServer): boolean {
  return [urls].flat().some((url) => /^turns?:/i.test(url));
}
