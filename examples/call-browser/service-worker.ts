/** Says who calls while no page is open, and leaves the call to the page that a click opens: service workers have no WebRTC. */
import { type IncomingCall, Messenger } from 'sealmq';
import { optionsOf } from './options.js';

/** What is used here of a service worker's globals; TypeScript knows them only where it does not know those of pages. */
interface Scope {
  readonly registration: ServiceWorkerRegistration;
  readonly location: Location;
  readonly clients: { openWindow(url: string): Promise<unknown> };
  addEventListener(
    type: 'push',
    listener: (event: Waiting & { readonly data: { text(): string } | null }) => void,
  ): void;
  addEventListener(
    type: 'notificationclick',
    listener: (event: Waiting & { readonly notification: Notification }) => void,
  ): void;
}
interface Waiting {
  waitUntil(work: Promise<unknown>): void;
}
declare const self: Scope;

/** How long a call may take to ring; later it was hung up, in milliseconds. */
const PATIENCE = 20_000;

const parameters = new URLSearchParams(self.location.search);

self.addEventListener('push', (event) => event.waitUntil(tell(event.data?.text() ?? '')));

async function tell(push: string): Promise<void> {
  const { title, data } = await ring(push);
  // Browsers want something to be shown for each push.
  await self.registration.showNotification(title, { tag: 'call', requireInteraction: true, data });
}

/** What to show, and what to hand over to the page. */
async function ring(push: string): Promise<{ title: string; data: string }> {
  try {
    const messenger = await Messenger.open(optionsOf(parameters));
    const incoming = await new Promise<IncomingCall | undefined>((resolve) => {
      messenger.on('call', resolve);
      messenger.wake(push);
      setTimeout(resolve, PATIENCE);
    });
    const data = incoming?.handOver() ?? '';
    await messenger.close();
    return { title: incoming ? `${incoming.from.address} is calling` : 'You missed a call', data };
  } catch (error) {
    // A page has the account (`STATE_LOCKED`), and has slept: it hears the call once it is looked at. Whatever else it is, the page says.
    console.error(error);
    return { title: 'Somebody is calling', data: '' };
  }
}

self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  parameters.set('call', event.notification.data);
  event.waitUntil(self.clients.openWindow(`./?${parameters}`));
});
