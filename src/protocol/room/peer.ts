import { type TokenBucket, takeToken } from '../token-bucket.js';
import { leadsTo } from './sender-key.js';

/** When members count as absent, in milliseconds of time in which our own heartbeats came back. */
export interface PresenceTiming {
  /** From one heartbeat to the next; default 5,000. */
  readonly heartbeat: number;
  /** Without a sign of life for so long a member is `silent`; default 20,000. */
  readonly silentAfter: number;
  /** … and after so long `gone`; default 60,000. */
  readonly goneAfter: number;
}

export const PRESENCE: PresenceTiming = { heartbeat: 5_000, silentAfter: 20_000, goneAfter: 60_000 };

/** A key that was sent and not acknowledged is sent again after one second, doubling to 16. */
const FIRST_RETRY = 1_000;
const MOST_DOUBLINGS = 4;

/** How often one member may make us answer: a loop of announcements costs no more than this. */
const ANSWERS = { burst: 8, perSecond: 2 };

/** A try at something, for the pause before the next. */
interface Attempt {
  readonly kid: number;
  readonly at: number;
  readonly tries: number;
}

/** Another member as we know it, as a value. Times in milliseconds. */
export interface Peer {
  readonly address: string;
  readonly device: string;
  /** When it joined, by its own word: a greater one is a restarted device. */
  readonly since: number;
  readonly heardAt: number;
  readonly silent: boolean;
  /** KID of our latest key that it has told us to hold. */
  readonly has?: number;
  /** The last time that we sent it our key, or asked for its own. */
  readonly offered?: Attempt;
  readonly asked?: Attempt;
  readonly answers?: TokenBucket;
}

/** A member that was met just now. */
export function meetPeer(who: Pick<Peer, 'address' | 'device' | 'since'>, now: number): Peer {
  return { address: who.address, device: who.device, since: who.since, heardAt: now, silent: false };
}

/** A sign of life. */
export function hearPeer(peer: Peer, now: number): Peer {
  return peer.heardAt >= now && !peer.silent ? peer : { ...peer, heardAt: Math.max(peer.heardAt, now), silent: false };
}

/** What a member's silence means by now. */
export function presenceOf(peer: Peer, now: number, timing: PresenceTiming): 'here' | 'silent' | 'gone' {
  const absent = now - peer.heardAt;
  if (absent >= timing.goneAfter) return 'gone';
  return absent >= timing.silentAfter ? 'silent' : 'here';
}

/** It says that it holds our key `kid`. */
export function acknowledge(peer: Peer, kid: number): Peer {
  return kid > (peer.has ?? -1) ? { ...peer, has: kid } : peer;
}

/** Whether it needs our key `kid` and may be sent it now. */
export function owesOffer(peer: Peer, kid: number, now: number): boolean {
  return !leadsTo(peer.has, kid) && isDue(peer.offered, kid, now);
}

/** Our key `kid` goes out to it. */
export function offer(peer: Peer, kid: number, now: number): Peer {
  return { ...peer, offered: again(peer.offered, kid, now) };
}

/** Whether it may be asked for a key now; whatever keys anybody names on its topic, it is asked at one pace. */
export function mayAsk({ asked }: Peer, now: number): boolean {
  return asked === undefined || isDue(asked, asked.kid, now);
}

/** It is asked for its key `kid`. */
export function ask(peer: Peer, kid: number, now: number): Peer {
  return { ...peer, asked: { kid, at: now, tries: (peer.asked?.tries ?? 0) + 1 } };
}

/** It gave a key that we did not have: the next one may be asked for at once. */
export function gotKey({ asked: _, ...peer }: Peer): Peer {
  return peer;
}

/** Takes one of the answers that it may cause; `granted` is false when it has had too many. */
export function grantAnswer(peer: Peer, now: number): { readonly peer: Peer; readonly granted: boolean } {
  const { bucket, wait } = takeToken(peer.answers, ANSWERS, now);
  return { peer: { ...peer, answers: bucket }, granted: wait === 0 };
}

function isDue(last: Attempt | undefined, kid: number, now: number): boolean {
  if (!last || last.kid !== kid) return true;
  return now - last.at >= FIRST_RETRY * 2 ** Math.min(last.tries - 1, MOST_DOUBLINGS);
}

function again(last: Attempt | undefined, kid: number, now: number): Attempt {
  return { kid, at: now, tries: last?.kid === kid ? last.tries + 1 : 1 };
}
