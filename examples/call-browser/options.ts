import type { MessengerOptions } from 'sealmq';

/** What page and service worker open their messenger with: it stands in their addresses. */
export function optionsOf(parameters: URLSearchParams) {
  const text = (name: string) => parameters.get(name) ?? '';
  const via: MessengerOptions['via'] = text('via') === 'relay' ? 'relay' : 'direct';
  return { address: text('as'), broker: text('broker'), directory: text('directory'), via };
}
