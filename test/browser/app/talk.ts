/** A page that calls and is called, over the browser's own WebRTC. */
import { type CallOptions, type IceServer, Messenger, memoryStore } from 'sealmq';
import { offer } from './bridge.js';
import type { Place } from './call.js';
import { type Talker, talkerOf } from './talker.js';

/** What can be told to a page of how it calls. */
export type PageCallOptions = Pick<CallOptions, 'fallbackAfter' | 'heartbeat' | 'policy'> & {
  readonly iceServers?: readonly IceServer[];
};

/** What the page does for the tests. */
export interface TalkingPage extends Talker {
  /** Opens a messenger and registers it. */
  open(address: string, place: Place, calls?: PageCallOptions): Promise<void>;
  /** The kinds of both candidates of the pair that the newest connection uses, as the browser's statistics name them. */
  candidatePair(): Promise<readonly string[]>;
}

/** Answers a candidate of a network that the test has between, if there is one for it. */
type Exchange = (candidate: string) => Promise<string | undefined>;

declare global {
  var exchange: Exchange | undefined;
}

/** The browser's connections, as the messenger makes them. */
const connections: RTCPeerConnection[] = [];
globalThis.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(configuration?: RTCConfiguration) {
    super(configuration);
    connections.push(this);
    if (globalThis.exchange) divert(this, globalThis.exchange);
  }
};

/** Has the connection tell the candidates that it gets for its own. */
function divert(connection: RTCPeerConnection, exchange: Exchange): void {
  const set = (listener: (event: { readonly candidate: RTCIceCandidateInit | null }) => void) =>
    connection.addEventListener('icecandidate', async ({ candidate: own }) => {
      const candidate = own?.candidate && (await exchange(own.candidate));
      if (own && candidate) listener({ candidate: { ...own.toJSON(), candidate } });
    });
  Object.defineProperty(connection, 'onicecandidate', { set });
}

let messenger: Messenger;

const page: TalkingPage = {
  ...talkerOf(() => messenger),
  async open(address, place, calls = {}) {
    messenger = await Messenger.open({ address, ...place, store: memoryStore(), calls });
    await messenger.register();
  },
  async candidatePair() {
    const stats = new Map([...((await connections.at(-1)?.getStats()) ?? [])]);
    const transport = [...stats.values()].find(({ type }) => type === 'transport');
    const { localCandidateId, remoteCandidateId } = stats.get(transport?.selectedCandidatePairId) ?? {};
    return [localCandidateId, remoteCandidateId].map((id) => String(stats.get(id)?.candidateType));
  },
};

offer(page);
