/** Ways to get bytes from one process to another over WebRTC: a bare data channel, and a call. */
import { Messenger, memoryStore } from 'sealmq';
import { nodeDataChannelRtc } from 'sealmq/node-datachannel';

/** One end of what connects two processes. */
export interface End {
  /** Sends `bytes` so many times, as fast as there is room. */
  burst(bytes: Uint8Array, count: number): Promise<void>;
  close(): Promise<unknown>;
}

/** What an end of a bare data channel tells the other one: its description, and where it can be reached. */
export interface Description {
  readonly sdp: string;
  readonly candidates: readonly { readonly candidate: string }[];
}

/** An end of a bare data channel, which others carry the descriptions of. */
export interface BareEnd extends End {
  /** Our offer, or our answer to theirs. */
  describe(theirs?: Description): Promise<Description>;
  /** Takes their answer to our offer. */
  accept(theirs: Description): Promise<void>;
}

/** Bytes that wait in the stack before a sender does: as many as in a call. */
const FULL = 1024 * 1024;

/** A data channel with nothing of ours around it but the port. */
export function bareEnd(onMessage: () => void): BareEnd {
  const candidates: { candidate: string }[] = [];
  const [gathered, connected] = [occasion(), occasion()];
  let drained = () => {};
  const connection = nodeDataChannelRtc().create({
    ...{ iceServers: [], policy: 'all' },
    handlers: {
      candidate: (one) => (one.candidate === '' ? gathered.come() : candidates.push(one)),
      state: (state) => state === 'connected' && connected.come(),
      message: onMessage,
      drained: () => drained(),
    },
  });
  return {
    async describe(theirs) {
      // Candidates of an offer come behind the answer, and are not needed: the one who answers hears where we are.
      if (!theirs) return { sdp: await connection.offer(), candidates: [] };
      const sdp = await connection.answer(theirs.sdp);
      await gathered.came;
      return { sdp, candidates };
    },
    async accept(theirs) {
      await connection.accept(theirs.sdp);
      for (const one of theirs.candidates) connection.addCandidate(one);
      await connected.came;
    },
    async burst(bytes, count) {
      for (let i = 0; i < count; i++) {
        while (connection.buffered('ordered') > FULL) {
          await new Promise<void>((resolve) => {
            drained = resolve;
          });
        }
        connection.send('ordered', bytes);
      }
    },
    close: () => connection.close(),
  };
}

/** Where people of calls find each other. */
export interface Servers {
  readonly mqtt: string;
  readonly http: string;
}

/** Who is there to be called, and hands messages on. */
export async function calleeEnd({ mqtt, http }: Servers, onMessage: () => void): Promise<End> {
  const messenger = await openMessenger({ mqtt, http }, 'bob');
  messenger.on('call', async (incoming) => {
    const call = await incoming.accept();
    for await (const _ of call.messages()) onMessage();
  });
  return { burst: async () => {}, close: () => messenger.close() };
}

/** Who has called them. */
export async function callerEnd(servers: Servers): Promise<End> {
  const messenger = await openMessenger(servers, 'alice');
  const call = await messenger.call('bob');
  return {
    async burst(bytes, count) {
      if (call.path !== 'direct') throw new TypeError(`took the way ${call.path}`);
      for (let i = 0; i < count; i++) await call.send(bytes);
    },
    async close() {
      await call.hangUp();
      await messenger.close();
    },
  };
}

async function openMessenger({ mqtt, http }: Servers, address: string): Promise<Messenger> {
  const calls = { rtc: nodeDataChannelRtc() };
  const messenger = await Messenger.open({ address, broker: mqtt, directory: http, store: memoryStore(), calls });
  await messenger.register();
  return messenger;
}

/** Something that happens once, and those who wait for it. */
function occasion(): { readonly came: Promise<void>; come(): void } {
  let come = () => {};
  const came = new Promise<void>((resolve) => {
    come = resolve;
  });
  return { came, come: () => come() };
}
