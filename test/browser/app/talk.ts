/** A page that calls and is called: one messenger, one call at a time, over the browser's own WebRTC. */
import { type Call, type CallEnd, type CallOptions, type CallPath, Messenger, memoryStore } from 'sealmq';
import { offer } from './bridge.js';
import type { Place } from './call.js';

/** What the page does for the tests. */
export interface Talker {
  /** Opens a messenger and registers it. */
  open(address: string, place: Place, calls?: Pick<CallOptions, 'fallbackAfter'>): Promise<void>;
  /** Resolves when the call stands; answers its id. */
  call(to: string): Promise<string>;
  /** Takes the next call, and answers its id. */
  answer(): Promise<string>;
  say(text: string): Promise<void>;
  /** Sends so many bytes as one message; answers their SHA-256. */
  sendBytes(length: number): Promise<string>;
  end(): Promise<void>;
  hangUp(): Promise<void>;
  /** Everything up to the end of what the other side sends: the text, or the SHA-256 of the bytes. */
  readAll(): Promise<readonly string[]>;
  path(): CallPath | undefined;
  complete(): boolean;
  ended(): Promise<CallEnd>;
}

let messenger: Messenger;
let call: Call;

async function digest(bytes: Uint8Array): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

const talker: Talker = {
  async open(address, place, calls = {}) {
    messenger = await Messenger.open({ address, ...place, store: memoryStore(), calls });
    await messenger.register();
  },
  async call(to) {
    call = await messenger.call(to);
    return call.id;
  },
  async answer() {
    call = await new Promise<Call>((resolve, reject) => {
      const stop = messenger.on('call', (incoming) => {
        stop();
        incoming.accept().then(resolve, reject);
      });
    });
    return call.id;
  },
  say: (text) => call.send(text),
  async sendBytes(length) {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
    await call.send(bytes);
    return digest(bytes);
  },
  end: () => call.end(),
  hangUp: () => call.hangUp(),
  async readAll() {
    const read: string[] = [];
    for await (const { text, bytes } of call.messages()) read.push(text ?? (await digest(bytes)));
    return read;
  },
  path: () => call.path,
  complete: () => call.complete,
  ended: () => call.ended,
};

offer(talker);
