import { SealMQError } from '../../errors.js';
import type { Will } from '../../ports/transport.js';
import type { CredentialSource } from './credentials.js';
import { type Attempt, establish, type LinkHandlers } from './link.js';
import { type Credentials, createClient, type DialOptions, type ProtocolVersion } from './options.js';
import { within } from './time.js';

/** Makes attempts to connect: picks the address, the version of the protocol, the credentials and the will of each. */
export interface Dialler {
  /** One attempt, or two when the first showed that the broker speaks another version. Never rejects. */
  dial(handlers: LinkHandlers, signal: AbortSignal): Promise<Attempt>;
}

/**
 * Starts with MQTT 5 and goes to 3.1.1 when the broker says so, or when it hangs up before a word and was never heard to
 * speak 5. A broker that is merely down settles nothing. Addresses are tried in turn until one connects.
 */
export function createDialler(options: DialOptions, credentials: CredentialSource): Dialler {
  const { urls } = options;
  let turn = 0;
  let version: ProtocolVersion = options.protocolVersion ?? 5;
  let settled = false;

  async function attempt(
    candidate: ProtocolVersion,
    who: Credentials,
    handlers: LinkHandlers,
    signal: AbortSignal,
  ): Promise<Attempt> {
    const url = urls[turn % urls.length] ?? urls[0];
    const will = await willFor(handlers, options, signal);
    const result = await establish(createClient(url, options, candidate, who, will), handlers, signal);
    if (result.kind === 'up' || result.version === 'spoken') settle(candidate);
    return result;
  }

  function settle(spoken: ProtocolVersion): void {
    const news = spoken !== version || (!settled && options.protocolVersion === undefined);
    version = spoken;
    settled = true;
    if (news) options.onProtocolVersion?.(spoken);
  }

  return {
    async dial(handlers, signal) {
      const who = await credentials.next(signal);
      if (who instanceof SealMQError)
        return { kind: 'failed', error: who, cause: 'no-credentials', version: 'unknown' };
      let result = await attempt(version, who, handlers, signal);
      const other = otherVersion(result, version, settled);
      if (other !== undefined && !signal.aborted) result = await attempt(other, who, handlers, signal);
      if (result.kind === 'failed') turn++;
      return result;
    },
  };
}

function otherVersion(result: Attempt, version: ProtocolVersion, settled: boolean): ProtocolVersion | undefined {
  if (result.kind === 'up') return undefined;
  if (result.version === 'refused') return version === 5 ? 4 : 5;
  return result.version === 'hung-up' && version === 5 && !settled ? 4 : undefined;
}

/** The will of the next connection. Mail must flow without one, too, so it has half the time that the attempt has. */
async function willFor(handlers: LinkHandlers, options: DialOptions, signal: AbortSignal): Promise<Will | undefined> {
  if (!handlers.will) return undefined;
  return within(handlers.will(), options.connectTimeout / 2, signal).catch(() => undefined);
}
