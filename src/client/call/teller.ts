import { asSealMQError, type SealMQError } from '../../errors.js';
import type { FrameType } from '../../protocol/call/frame.js';
import { type CallOutput, MAX_WAITING } from '../../protocol/call/state.js';
import type { CallPort } from './port.js';

/** What a teller needs of its call. */
export interface TellerParts {
  readonly port: Pick<CallPort, 'tell'>;
  warn(error: SealMQError): void;
  /** A frame that the call cannot do without was refused. */
  failed(error: SealMQError): void;
}

type Publish = Extract<CallOutput, { kind: 'publish' }>;

/** Frames that a call cannot do without; candidates may be missing. */
const NEEDED: ReadonlySet<FrameType> = new Set(['dial', 'offer', 'answer']);

/** Tells the frames of one call. */
export class Teller {
  readonly #parts: TellerParts;
  readonly #publishing = new Set<Promise<void>>();
  /** Frames for which there was no connection. */
  #unsaid: Publish[] = [];

  constructor(parts: TellerParts) {
    this.#parts = parts;
  }

  tell(output: Publish): void {
    const { type, address, bytes } = output;
    const { port, warn, failed } = this.#parts;
    const publishing = port.tell(address, bytes, type === 'dial').catch((cause) => {
      const error = asSealMQError(cause, 'TRANSPORT_CLOSED', 'a call frame did not go out');
      const refused = error.code === 'TRANSPORT_REFUSED' || error.code === 'DIRECTORY_NOT_FOUND';
      // What broker or relay refuse is heard by nobody, and without these there is no call.
      if (refused && NEEDED.has(type)) return failed(error);
      if (error.code === 'TRANSPORT_CLOSED' && this.#unsaid.length < MAX_WAITING) this.#unsaid.push(output);
      warn(error);
    });
    this.#publishing.add(publishing);
    void publishing.then(() => this.#publishing.delete(publishing));
  }

  /** Whether a frame waits for a connection. */
  get waits(): boolean {
    return this.#unsaid.length > 0;
  }

  /** There is a connection again. */
  again(): void {
    for (const output of this.#unsaid.splice(0)) this.tell(output);
  }

  /** Resolves when the broker has what was said: whether something still waits for a connection. */
  async told(): Promise<boolean> {
    await Promise.all(this.#publishing);
    return this.waits;
  }
}
