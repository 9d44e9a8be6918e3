import {
  calculateJwkThumbprint,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JSONWebKeySet,
  type JWK,
  type JWTPayload,
  SignJWT,
} from 'jose';
import { fromUtf8, utf8 } from '../../bytes/bytes.js';
import { SealMQError } from '../../errors.js';
import type { Store } from '../../ports/store.js';

/** The one algorithm of tokens: the only family of elliptic signatures that EMQX and HiveMQ verify (RFC 7518 §3.4). */
export const TOKEN_ALGORITHM = 'ES256';

/** The keys that tokens are signed with. */
export interface TokenKeys {
  /** What verifies them: the present public key, in a roll-over the next, and those whose last tokens still hold. */
  jwks(): JSONWebKeySet;
  /** A JWT of these claims. */
  sign(claims: JWTPayload): Promise<string>;
  /**
   * Publishes a new key and signs with it after `overlap` seconds, when brokers that keep the key set for a while have it.
   *
   * @throws `USAGE_INVALID_ARGUMENT` while a roll-over is under way
   */
  rotate(overlap: number): Promise<void>;
}

/** One key pair as it is stored. Times in seconds. */
interface StoredKey {
  readonly jwk: JWK;
  readonly signsFrom: number;
}

const STORE_KEY = 'admission/keys';

/**
 * Opens the token keys in `store`; the first opening draws one.
 *
 * @param lifetime - of a token, in seconds
 * @param now - seconds
 * @throws `STATE_CORRUPT`
 */
export async function openTokenKeys(store: Store, lifetime: number, now: () => number): Promise<TokenKeys> {
  let keys = await readKeys(store);
  if (keys.length === 0) keys = await writeKeys(store, [await drawKey(now())]);

  /** The newest key whose time has come. */
  const current = (): StoredKey => {
    const begun = keys.filter(({ signsFrom }) => signsFrom <= now());
    return (begun.at(-1) ?? keys[0]) as StoredKey;
  };
  /** A key is of use until the last token that it signed has expired. */
  const useful = (): readonly StoredKey[] =>
    keys.filter((_, index) => {
      const successor = keys[index + 1];
      return successor === undefined || successor.signsFrom + lifetime + 1 > now();
    });

  return {
    jwks: () => ({ keys: useful().map(({ jwk }) => publicPart(jwk)) }),
    async sign(claims) {
      const { jwk } = current();
      const header = { alg: TOKEN_ALGORITHM, typ: 'JWT', kid: jwk.kid as string };
      return new SignJWT(claims).setProtectedHeader(header).sign(await importJWK(jwk, TOKEN_ALGORITHM));
    },
    async rotate(overlap) {
      if (keys.some(({ signsFrom }) => signsFrom > now())) {
        throw new SealMQError('USAGE_INVALID_ARGUMENT', 'a roll-over is under way');
      }
      keys = await writeKeys(store, [...useful(), await drawKey(now() + overlap)]);
    },
  };
}

async function drawKey(signsFrom: number): Promise<StoredKey> {
  const { privateKey } = await generateKeyPair(TOKEN_ALGORITHM, { extractable: true });
  const jwk = await exportJWK(privateKey);
  return { jwk: { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: TOKEN_ALGORITHM, use: 'sig' }, signsFrom };
}

function publicPart({ kty, crv, x, y, kid, alg, use }: JWK): JWK {
  return { kty, crv, x, y, kid, alg, use } as JWK;
}

async function readKeys(store: Store): Promise<readonly StoredKey[]> {
  const stored = await store.get(STORE_KEY);
  if (!stored) return [];
  try {
    return JSON.parse(fromUtf8(stored)) as StoredKey[];
  } catch (cause) {
    throw new SealMQError('STATE_CORRUPT', 'the keys of tokens cannot be read', cause);
  }
}

async function writeKeys(store: Store, keys: readonly StoredKey[]): Promise<readonly StoredKey[]> {
  await store.batch([{ type: 'put', key: STORE_KEY, value: utf8(JSON.stringify(keys)) }], { sync: true });
  return keys;
}
