import { setTimeout as sleep } from 'node:timers/promises';
import type { Worker } from 'playwright-core';

/** What of a service worker's globals is used here. */
interface Scope extends EventTarget {
  readonly registration: ServiceWorkerRegistration;
  readonly clients: { openWindow(url: string): Promise<unknown> };
  readonly NotificationEvent: new (
    type: string,
    init: { notification: Notification },
  ) => Event & { waitUntil(work: Promise<unknown>): void };
}

/** Clicks on the notification that a service worker shows, as nobody can without a screen; answers its title and what it would open. */
export async function click(worker: Worker): Promise<{ readonly title: string; readonly url: string }> {
  for (;;) {
    const clicked = await worker.evaluate(clickInWorker);
    if (clicked) return clicked;
    await sleep(50);
  }
}

/** Runs in the service worker. */
async function clickInWorker(): Promise<{ title: string; url: string } | undefined> {
  const scope = globalThis as unknown as Scope;
  const [notification] = await scope.registration.getNotifications();
  if (!notification) return undefined;
  const { title } = notification;
  const opening = new Promise<string>((resolve) => {
    scope.clients.openWindow = async (url) => resolve(url);
  });
  const event = new scope.NotificationEvent('notificationclick', { notification });
  // Only the browser's own events may be waited for.
  event.waitUntil = () => {};
  scope.dispatchEvent(event);
  return { title, url: await opening };
}
