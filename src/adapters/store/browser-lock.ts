import { SealMQError } from '../../errors.js';

/**
 * Takes a lock that this browser origin can hold once (Web Locks): two tabs on one state would count the same sequence
 * numbers. The browser frees it when the tab dies. Where Web Locks are missing (pages over plain http) nothing is locked.
 *
 * @returns a function that frees the lock
 * @throws `STATE_LOCKED` when another tab or worker holds it
 */
export function lockInBrowser(name: string): Promise<() => void> {
  const locks = globalThis.navigator?.locks;
  if (locks === undefined) return Promise.resolve(() => {});
  return new Promise((resolve, reject) => {
    const held = locks.request(name, { ifAvailable: true }, (lock) => {
      if (lock === null) throw new SealMQError('STATE_LOCKED', 'the state is open in another tab');
      return new Promise<void>((free) => resolve(free));
    });
    held.catch(reject);
  });
}
