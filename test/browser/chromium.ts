import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { type ErrorCode, SealMQError } from '../../src/errors.js';
import { findProgram } from '../peers/programs.js';
import type { Outcome } from './app/bridge.js';
import type { Site } from './site.js';

/** A running browser and pages for it, for all tests; each opens a profile of its own. */
export interface Stage {
  readonly browser: Browser;
  readonly site: Site;
}

/** A host name that Chromium resolves to this machine without trusting it as it trusts `localhost`. */
export const INSECURE_HOST = 'lan.test';

const ARGUMENTS = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
  `--host-resolver-rules=MAP ${INSECURE_HOST} 127.0.0.1`,
];

/** A camera that shows a moving picture, and nobody who would have to be asked. */
const CAMERA = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'];

/** The path of the installed Chromium, if there is one. */
export function findChromium(): string | undefined {
  return findProgram('chromium');
}

/**
 * Starts a headless Chromium.
 *
 * @param camera - pages that may use one are told the addresses of this machine; others get names of the local network (mDNS)
 */
export function startChromium({ camera = true } = {}): Promise<Browser> {
  const args = camera ? [...ARGUMENTS, ...CAMERA] : ARGUMENTS;
  return chromium.launch({ executablePath: findChromium() ?? 'chromium', args });
}

/**
 * Starts a headless Chromium with a profile of its own, as a user has one: pages in the passing ones that tests open otherwise cannot be
 * pushed to.
 */
export function startProfile(args: readonly string[]): Promise<BrowserContext> {
  return chromium.launchPersistentContext('', {
    executablePath: findChromium() ?? 'chromium',
    // It lets nobody be pushed to either.
    ignoreDefaultArgs: ['--disable-background-networking'],
    args: [...ARGUMENTS.filter((argument) => argument !== '--disable-background-networking'), ...args],
  });
}

/** Calls a function that the page offers. */
export type Ask<Offered> = <Name extends keyof Offered & string>(
  name: Name,
  ...args: Offered[Name] extends (...args: infer Args) => unknown ? Args : never
) => Promise<Offered[Name] extends (...args: never[]) => infer Result ? Awaited<Result> : never>;

/** A way to call what `page` offers. What throws there throws here, with the same code. */
export function asker<Offered>(page: Page): Ask<Offered> {
  return async (name, ...args) => {
    const outcome = await page.evaluate(([of, given]) => globalThis.ask(of, given), [name, args] as [
      string,
      unknown[],
    ]);
    return unwrap(outcome) as never;
  };
}

function unwrap(outcome: Outcome): unknown {
  if ('value' in outcome) return outcome.value;
  throw new SealMQError(outcome.code as ErrorCode, `in the page: ${outcome.text}`);
}
