/** The page's lines of docs/calls.md, as functions. */
declare module 'docs/calls' {
  import type { Messenger } from 'sealmq';
  /** @param script - the service worker's address, in place of the page's own */
  export function subscribe(bob: Messenger, script: string): Promise<void>;
  export function resume(bob: Messenger): Promise<void>;
}
