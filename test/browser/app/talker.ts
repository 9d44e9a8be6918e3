/** Somebody on the line, in a page and in Node alike: one messenger, one call at a time. */
import type { Call, CallEnd, CallPath, Messenger } from 'sealmq';

/** What somebody on the line can be asked to do. */
export interface Talker {
  /** Resolves when the call stands; answers its id. */
  call(to: string): Promise<string>;
  /** Takes the next call, from now on. */
  awaitCall(): void;
  /** Resolves when the awaited call stands; answers its id. */
  taken(): Promise<string>;
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

async function digest(bytes: Uint8Array): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Who talks by what `messenger` answers, once it is asked for something. */
export function talkerOf(messenger: () => Messenger): Talker {
  let call: Call;
  let taking: Promise<Call>;
  return {
    async call(to) {
      call = await messenger().call(to);
      return call.id;
    },
    awaitCall() {
      taking = new Promise((resolve, reject) => {
        const stop = messenger().on('call', (incoming) => {
          stop();
          incoming.accept().then(resolve, reject);
        });
      });
    },
    async taken() {
      call = await taking;
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
}
