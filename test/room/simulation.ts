import { createHash } from 'node:crypto';
import { decodeCbor, encodeCbor } from '../../src/bytes/cbor.js';
import type { Admit } from '../../src/client/room/admission.js';
import type { RoomFrame, Undecryptable } from '../../src/client/room/events.js';
import type { OpenedRoomMessage, RoomPort } from '../../src/client/room/port.js';
import { RoomSession, type SessionOptions } from '../../src/client/room/session.js';
import { nativeProvider } from '../../src/crypto/native.js';
import type { PrivateKey } from '../../src/crypto/provider.js';
import { atOnce, run } from '../../src/crypto/steps.js';
import { SealMQError } from '../../src/errors.js';
import { signFrame, verifyFrame } from '../../src/protocol/room/frame-signature.js';
import { type RoomStatement, signRoomStatement, verifyRoomStatement } from '../../src/protocol/room/room-statement.js';
import type { RoomPlace } from '../../src/protocol/room/room-topics.js';
import { seededRandom } from '../../src/testing/seeded.js';
import { type VirtualTime, virtualTime } from '../../src/testing/virtual-time.js';

const provider = nativeProvider();
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** How the network treats what is published. */
export interface Weather {
  /** Probability that a control message is lost, doubled, or held back for up to two seconds: each. */
  readonly trouble: number;
}

interface Delivery {
  readonly at: number;
  readonly n: number;
  readonly to: Simulated;
  readonly place: RoomPlace;
  readonly bytes: Uint8Array;
}

/** One device in the simulation. */
export interface Simulated {
  readonly name: string;
  readonly device: string;
  /** When it joined: the same device can come again. */
  readonly since: number;
  readonly session: RoomSession;
  readonly frames: string[];
  readonly undecryptable: Undecryptable[];
  /** What its room could not help. */
  readonly warnings: unknown[];
  /** Whether it is still in the room: neither left nor crashed. */
  alive: boolean;
  /** Whether the broker still brings it what is published: an evesdropper goes on listening. */
  listening: boolean;
  leave(): Promise<void>;
  crash(): void;
}

/** What was published. */
export interface Published {
  readonly place: RoomPlace;
  readonly bytes: Uint8Array;
}

/**
 * One room over a broker in memory, in virtual time. Statements are signed with Ed25519 and frames encrypted as ever; only
 * the sealed message is replaced by its content, since it is tested elsewhere and would take nine tenths of the time.
 */
export class Simulation {
  readonly time: VirtualTime = virtualTime();
  readonly random;
  readonly all: Simulated[] = [];
  readonly published: Published[] = [];
  /** Frames that were sent to members who had acknowledged a key: `sender body` and who must have it. */
  readonly expected: {
    readonly line: string;
    readonly from: Simulated;
    readonly to: readonly Simulated[];
    /** The same for all that went in one message. */
    readonly sent: Promise<void>;
  }[] = [];
  weather: Weather = { trouble: 0 };
  stalled = false;
  /** Nothing that is published comes to anybody: what a sender costs by itself. */
  discarding = false;
  /** A look-up of an address at the directory, or `undefined` for one whose record is at hand; without it all are. */
  lookup: ((address: string) => (() => Promise<void>) | undefined) | undefined;
  /** What sealing to a device waits for. */
  sealing: ((device: string) => Promise<void> | undefined) | undefined;
  /** Nothing can be published. */
  offline = false;
  /** What the network loses. */
  loses: ((place: RoomPlace) => boolean) | undefined;
  /** Devices that their records list no more. */
  readonly revoked = new Set<string>();
  /** Who is told when the record of an address changes. */
  readonly onRecord = new Set<(address: string) => void>();
  /** Keeps what is published; off for long runs. */
  recording = false;
  readonly counts = { statement: 0, message: 0, heartbeat: 0, frame: 0 };
  #keys = new Map<string, PrivateKey>();
  #verified = new Map<string, boolean>();
  #pending: Delivery[] = [];
  #n = 0;

  constructor(seed: number) {
    this.random = seededRandom(seed);
    setInterval(() => this.#deliver(), 20);
  }

  end(): void {
    for (const { session } of this.all) session.stop();
    this.time.end();
  }

  /** A device joins under `name`; the same name again is a restarted device. */
  async join(name: string, options: Partial<SessionOptions> & { readonly admit: Admit }): Promise<Simulated> {
    const device = deviceOf(name);
    const warnings: unknown[] = [];
    const port = this.#port(name, device, warnings);
    const frames: string[] = [];
    const undecryptable: Undecryptable[] = [];
    const since = port.now();
    const session = await RoomSession.begin({
      ...{ room: 'storm', port },
      onFrame: ({ from, bytes }: RoomFrame) => void frames.push(`${from} ${new TextDecoder().decode(bytes)}`),
      ...options,
    });
    session.events.on('undecryptable', (event) => undecryptable.push(event));
    const simulated: Simulated = {
      ...{ name, device, since, session, frames, undecryptable, warnings, alive: true, listening: true },
      async leave() {
        this.alive = false;
        await session.end();
        this.listening = false;
      },
      crash() {
        this.alive = false;
        this.listening = false;
        session.stop();
      },
    };
    this.all.push(simulated);
    await session.start();
    return simulated;
  }

  get alive(): Simulated[] {
    return this.all.filter(({ alive }) => alive);
  }

  /** Sends a frame, and notes who must have it: the members that the sender knows to hold its key. */
  async send(from: Simulated, body: string): Promise<void> {
    const ready = from.session.view().filter((member) => member.ready);
    const isKnown = ({ device, since }: Simulated) =>
      ready.some((member) => member.device === device) && from.session.members.get(device)?.peer.since === since;
    const to = this.alive.filter((other) => isKnown(other));
    const sent = from.session.send(new TextEncoder().encode(body), { qos: 1 });
    await sent;
    // A sender that crashes before has promised nothing.
    if (from.alive) this.expected.push({ line: `${from.name} ${body}`, from, to, sent });
  }

  /** Puts bytes on a topic, for all: what an adversary at the broker can do. */
  inject({ place, bytes }: Published): void {
    for (const to of this.all) this.#schedule(to, place, bytes, 0);
  }

  /** A statement by the device of `name`, now. */
  sign(name: string, words: object): Uint8Array {
    const spoken = { room: 'storm', address: name, device: deviceOf(name), issuedAt: Math.floor(Date.now() / 1000) };
    const statement = { ...spoken, nonce: provider.randomBytes(16), ...words } as RoomStatement;
    return atOnce(run(signRoomStatement(provider, this.#keyOf(deviceOf(name)), statement)));
  }

  /** The word of `creator` that `subject` may join. */
  invite(creator: string, subject: string): Uint8Array {
    return this.sign(creator, { kind: 'invite', subject, expiresAt: Math.floor(Date.now() / 1000) + 3600 });
  }

  /** Lets time pass until the room has converged, at most `milliseconds`; looked at four times a second. */
  async settle(milliseconds: number): Promise<boolean> {
    for (const end = this.time.elapsed + milliseconds; this.time.elapsed < end; ) {
      if (this.converged()) return true;
      await this.time.pass(250);
    }
    return this.converged();
  }

  /** Whether everybody knows everybody else that is there, and nobody else, and all have each other's keys. */
  converged(): boolean {
    const { alive } = this;
    const devices = new Set(alive.map(({ device }) => device));
    return alive.every(({ session }) => {
      const view = session.view();
      return view.length === devices.size - 1 && view.every(({ device, ready }) => ready && devices.has(device));
    });
  }

  /** Frames that neither arrived nor were reported: a message that does not open is one report, whatever was in it. */
  silentlyMissing(): string[] {
    const missing = new Map<string, Map<Promise<void>, string[]>>();
    for (const { line, from, to, sent } of this.expected) {
      for (const receiver of to) {
        if (!receiver.alive || receiver.frames.includes(line)) continue;
        const pair = `${from.device} ${receiver.device}`;
        const messages = missing.get(pair) ?? new Map<Promise<void>, string[]>();
        messages.set(sent, [...(messages.get(sent) ?? []), `${line} → ${receiver.name}`]);
        missing.set(pair, messages);
      }
    }
    return [...missing].flatMap(([pair, messages]) => {
      const [sender, receiver] = pair.split(' ');
      const reports = this.alive.find(({ device }) => device === receiver)?.undecryptable ?? [];
      return [...messages.values()].slice(reports.filter(({ device }) => device === sender).length).flat();
    });
  }

  #port(name: string, device: string, warnings: unknown[]): RoomPort {
    const signKey = this.#keyOf(device);
    const now = () => Date.now();
    return {
      ...{ provider, self: { address: name, device }, record: new Uint8Array(0), now },
      publish: async (place, bytes, qos) => {
        if (this.offline) throw new SealMQError('TRANSPORT_CLOSED', 'not connected');
        this.#publish(place, bytes, qos);
      },
      sign: async (statement) => run(signRoomStatement(provider, signKey, statement)),
      verify: async (received, leave) => {
        const { statement, sign1 } = received;
        const ask = this.lookup?.(statement.address);
        if (ask) {
          leave();
          await ask();
        }
        const id = Buffer.concat([sign1.payload ?? new Uint8Array(0), sign1.signature]).toString('base64');
        const key = this.#keyOf(statement.device).publicKey;
        const honest = deviceOf(statement.address) === statement.device && !this.revoked.has(statement.device);
        const known = this.#verified.get(id) ?? (honest && atOnce(run(verifyRoomStatement(provider, key, received))));
        this.#verified.set(id, known);
        return known;
      },
      signFrame: (place, content) => run(signFrame(provider, signKey, place, content)),
      verifyFrame: async (place, signature, content) => {
        const honest = deviceOf(place.address) === place.device;
        return honest && run(verifyFrame(provider, this.#keyOf(place.device).publicKey, place, signature, content));
      },
      seal: async (to, payload) => {
        await this.sealing?.(to.device);
        return encodeCbor([to.device, name, device, Math.floor(now() / 1000), payload]);
      },
      open: async (bytes) => {
        const [to, address, from, issuedAt, payload] = decodeCbor(bytes) as unknown as [
          string,
          string,
          string,
          number,
          Uint8Array,
        ];
        if (this.revoked.has(from)) return undefined;
        return to === device ? ({ address, device: from, issuedAt, payload } satisfies OpenedRoomMessage) : undefined;
      },
      isCurrent: ({ device: other }) => !this.revoked.has(other),
      onRecord: (listener) => {
        this.onRecord.add(listener);
        return () => this.onRecord.delete(listener);
      },
      warn: (error) => void warnings.push(error),
    };
  }

  #keyOf(device: string): PrivateKey {
    const known = this.#keys.get(device) ?? (atOnce(provider.generateKey('Ed25519')) as PrivateKey);
    this.#keys.set(device, known);
    return known;
  }

  #publish(place: RoomPlace, bytes: Uint8Array, _qos: 0 | 1): void {
    if (this.recording) this.published.push({ place, bytes });
    this.counts[place.kind]++;
    if (this.discarding || this.loses?.(place)) return;
    const isControl = place.kind === 'statement' || place.kind === 'message';
    for (const to of this.all) {
      if (!to.listening || (place.kind === 'message' && place.device !== to.device)) continue;
      const { trouble } = this.weather;
      if (isControl && this.random.chance(trouble)) continue;
      const late = isControl && this.random.chance(trouble) ? this.random.next(2000) : 0;
      this.#schedule(to, place, bytes, late);
      if (isControl && this.random.chance(trouble)) this.#schedule(to, place, bytes, this.random.next(2000));
    }
  }

  #schedule(to: Simulated, place: RoomPlace, bytes: Uint8Array, late: number): void {
    this.#pending.push({ at: this.time.elapsed + late, n: this.#n++, to, place, bytes });
  }

  #deliver(): void {
    if (this.stalled) return;
    const now = this.time.elapsed;
    const due = this.#pending.filter(({ at }) => at <= now).sort((a, b) => a.at - b.at || a.n - b.n);
    if (due.length === 0) return;
    this.#pending = this.#pending.filter(({ at }) => at > now);
    for (const { to, place, bytes } of due) if (to.listening) to.session.take(place, bytes);
  }
}

/** 16 characters that stand for a name. */
export function deviceOf(name: string): string {
  return Array.from(createHash('sha256').update(name).digest().subarray(0, 16), (byte) => BASE32[byte & 31]).join('');
}
