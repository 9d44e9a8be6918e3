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

/**
 * Clicks on the notification that a service worker shows, as nobody can without a screen; answers its title and what it would open.
 *
 * Chromium forgets a notification when it is asked for those that there are while that one is on its way to the screen (it drops from its
 * list what is not there yet). So it is not asked before one has been shown, and one that it has forgotten all the same is shown again.
 */
export function click(worker: Worker): Promise<{ readonly title: string; readonly url: string }> {
  return worker.evaluate(clickInWorker);
}

/** Runs in the service worker. */
async function clickInWorker(): Promise<{ title: string; url: string }> {
  const scope = globalThis as unknown as Scope;
  const { registration } = scope;
  const show = registration.showNotification.bind(registration);
  const shown = new Promise<() => Promise<void>>((resolve) => {
    registration.showNotification = async (...what) => {
      await show(...what);
      resolve(() => show(...what));
    };
  });
  // One that was on its way before is there by then.
  await Promise.race([shown, new Promise((resolve) => setTimeout(resolve, 1_000))]);
  for (;;) {
    const [notification] = await registration.getNotifications();
    if (notification) return open(notification);
    const again = await shown;
    await again();
  }

  async function open(notification: Notification): Promise<{ title: string; url: string }> {
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
}
