import { utf8 } from '../../bytes/bytes.js';
import type { IceServer } from '../../ports/rtc.js';

/** How a credential is made. */
export interface TurnCredentialOptions {
  /** The secret that the TURN server has, too: coturn's `static-auth-secret`. It belongs on a server, never in an application. */
  readonly secret: string;
  /** For the server's logs; anything without a colon. */
  readonly user?: string;
  /** How long it holds, in seconds; default one hour. */
  readonly lifetime?: number;
  /** Milliseconds; default the clock of this machine. */
  readonly now?: number;
}

const HOUR = 3600;

/**
 * A time-limited credential by the convention of "A REST API For Access To TURN Services"
 * (draft-uberti-behave-turn-rest), as coturn's `use-auth-secret` checks it: user name `expiry:user`, password
 * HMAC-SHA-1 of it in base64. Needs Web Crypto, which Node and secure pages have.
 */
export async function turnCredentials(
  urls: IceServer['urls'],
  { secret, user = 'sealmq', lifetime = HOUR, now = Date.now() }: TurnCredentialOptions,
): Promise<Required<IceServer>> {
  const username = `${Math.floor(now / 1000) + lifetime}:${user}`;
  const algorithm = { name: 'HMAC', hash: 'SHA-1' };
  const bytes = (text: string) => utf8(text) as Uint8Array<ArrayBuffer>;
  const key = await crypto.subtle.importKey('raw', bytes(secret), algorithm, false, ['sign']);
  const mac = new Uint8Array(await crypto.subtle.sign('HMAC', key, bytes(username)));
  return { urls, username, credential: btoa(String.fromCharCode(...mac)) };
}
