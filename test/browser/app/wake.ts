/** A page that is woken when it is closed: it runs what docs/calls.md tells, and takes the call. */
import { resume, subscribe } from 'docs/calls';
import { Messenger, type MessengerOptions } from 'sealmq';
import { offer } from './bridge.js';
import { type Talker, talkerOf } from './talker.js';

/** What a page and its service worker open their messenger with. */
export type WakeOptions = Pick<MessengerOptions, 'address' | 'via'> & {
  readonly broker: string;
  readonly directory: string;
};

/** What the page does for the tests. */
export interface WakenPage extends Talker {
  /** Opens the messenger, with its state in the browser. */
  open(options: WakeOptions): Promise<void>;
  register(): Promise<void>;
  /** The page's first lines: where this browser can be woken. */
  subscribe(): Promise<void>;
  /** Its last lines: the call that the page was opened for rings. */
  resume(): Promise<void>;
  /** What the browser has answered, as it goes to the relay. */
  subscription(): Promise<PushSubscriptionJSON | undefined>;
}

let options: WakeOptions;
let messenger: Messenger;

const page: WakenPage = {
  ...talkerOf(() => messenger),
  async open(given) {
    options = given;
    messenger = await Messenger.open(options);
  },
  register: () => messenger.register(),
  subscribe: () =>
    subscribe(messenger, `/service-worker.js?${new URLSearchParams({ options: JSON.stringify(options) })}`),
  resume: () => resume(messenger),
  async subscription() {
    const { pushManager } = await navigator.serviceWorker.ready;
    return (await pushManager.getSubscription())?.toJSON();
  },
};

offer(page);
