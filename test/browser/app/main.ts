/** An application in a browser: Bob's messages in a list. What the tests want of it is at the end. */
import { Messenger, type MessengerStatus } from 'sealmq';
import { defaultProvider, type SuiteName } from 'sealmq/crypto';
import { offer } from './bridge.js';
import { type Correspondents, correspondents } from './correspondent.js';
import { type AtRest, atRest } from './storage.js';

/** Where the messenger finds the others. */
export interface Surroundings {
  readonly address: string;
  readonly broker: string;
  readonly directory: string;
  /** Seconds between signs of life. */
  readonly keepalive?: number;
  /** Opens without waiting for the broker. */
  readonly connect?: 'background';
  readonly suite?: SuiteName;
  /** An account that was made elsewhere. */
  readonly identity?: { readonly file: Uint8Array; readonly passphrase: string };
}

/** What shows whether it is the same account as before. */
export interface Identity {
  readonly deviceId: string;
  /** SHA-256 of the key record. */
  readonly record: Uint8Array;
}

/** What kind of page this is. */
export interface Environment {
  readonly secure: boolean;
  readonly subtle: boolean;
  /** Globals of Node that are defined here. */
  readonly nodeGlobals: readonly string[];
  /** The crypto backend that the probe chose. */
  readonly backend: string;
}

/** What the page does for the tests. */
export interface Application extends Correspondents, AtRest {
  environment(): Promise<Environment>;
  open(surroundings: Surroundings): Promise<Identity>;
  register(): Promise<void>;
  /** From now on shows what comes in. */
  listen(): void;
  /** Resolves when the message is safe in the outbox. */
  send(to: string, text: string): Promise<void>;
  status(): MessengerStatus;
  exportIdentity(passphrase: string): Promise<Uint8Array>;
  close(): Promise<void>;
}

let messenger: Messenger;

async function open(surroundings: Surroundings): Promise<Identity> {
  messenger = await Messenger.open(surroundings);
  return { deviceId: messenger.deviceId, record: messenger.record.hash };
}

function listen(): void {
  messenger.on('message', ({ from, text }) => {
    const item = document.createElement('li');
    item.textContent = `${from}: ${text}`;
    document.querySelector('#messages')?.append(item);
  });
}

async function environment(): Promise<Environment> {
  return {
    secure: isSecureContext,
    subtle: crypto.subtle !== undefined,
    nodeGlobals: ['process', 'Buffer', 'global', 'require'].filter((name) => name in globalThis),
    backend: (await defaultProvider()).name,
  };
}

const application: Application = {
  environment,
  open,
  listen,
  register: () => messenger.register(),
  send: async (to, text) => {
    await messenger.send(to, text);
  },
  status: () => messenger.status(),
  exportIdentity: (passphrase) => messenger.exportIdentity(passphrase),
  close: () => messenger.close(),
  ...atRest,
  ...correspondents,
};

offer(application);
