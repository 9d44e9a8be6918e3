import { createHash } from 'node:crypto';
import { createLocalJWKSet, createRemoteJWKSet, type JSONWebKeySet, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import { topicMatcher } from '../../adapters/mqtt/topic-filter.js';
import { fromUtf8 } from '../../bytes/bytes.js';
import { isAddress, RELAY_ADDRESS } from '../../protocol/address.js';
import { hostOf } from '../../protocol/directory/guest.js';
import { DEFAULT_TOPIC_PREFIX } from '../../protocol/envelope/topics.js';
import { type TokenBucket, type TokenRate, takeToken } from '../../protocol/token-bucket.js';
import type { AccessRules, BrokerClient, Credentials, Denial, Grant, Published } from '../broker/access.js';
import type { Registered } from '../registered.js';
import { TOKEN_ALGORITHM } from './token-keys.js';
import { maySubscribe, type TopicAccess, topicAccess } from './topic-access.js';

/** Whom a broker lets in, and what it asks. */
export interface AdmissionRulesOptions {
  /** `iss` and `aud` that a token must have. */
  readonly issuer: string;
  readonly audience: string;
  /** The keys of the tokens: as a function in the process of the directory, else the address of its `/.well-known/jwks.json`. */
  readonly jwks: (() => JSONWebKeySet) | string | URL;
  /** First levels of all topics; default `nes`. */
  readonly topicPrefix?: string;
  /**
   * Whether an address is registered. What goes to another is acknowledged and dropped, and its sender is told by `notice`.
   * Without it mail for everybody is taken.
   */
  readonly registered?: Registered;
  /** Signs the word to a sender. */
  readonly notice?: (address: string, unregistered: string, message: Uint8Array) => Promise<Uint8Array>;
}

/** Tokens are longer by their `acl` claim, but not that long. */
const MAX_TOKEN_LENGTH = 8192;

/** Addresses that were registered a moment ago are not asked for again, for so many milliseconds. */
const REGISTERED_FOR = 60_000;
const MAX_KNOWN = 10_000;

/** Words to one sender; what it sends beyond that is dropped without one. */
const NOTICES: TokenRate = { burst: 100, perSecond: 5 };

/** The rules of a broker that admits by token: `createBroker({ ...admissionRules(directory.admission) })`. */
export function admissionRules(options: AdmissionRulesOptions): Required<AccessRules> {
  const { topicPrefix = DEFAULT_TOPIC_PREFIX } = options;
  const verifyToken = tokenVerifier(options);
  const isKnown = knownAddresses(options.registered);
  const accessOf = oncePer((grant: Grant) => compile(topicAccess(grant, topicPrefix)));
  const mayHear = noticeLimit();

  function undeliverable(grant: Grant, to: string, { payload }: Published): boolean | Denial {
    const { notice } = options;
    if (!notice || !isAddress(grant.address) || !mayHear(grant)) return false;
    const topic = `${topicPrefix}/${grant.address}/control`;
    const hash = new Uint8Array(createHash('sha256').update(payload).digest());
    return { reply: notice(grant.address, to, hash).then((bytes) => ({ topic, payload: bytes })) };
  }

  return {
    authenticate: verifyToken,
    authorizePublish({ grant }, topic, message) {
      if (!grant || !accessOf(grant).mayPublish(topic, message.retain)) return false;
      const to = receiverOf(topic, topicPrefix);
      if (to === undefined) return true;
      if (to === null) return false;
      const known = isKnown(to);
      if (known === true) return true;
      return known.then((registered) => registered || undeliverable(grant, to, message));
    },
    authorizeSubscribe: ({ grant }: BrokerClient, filter) =>
      grant !== undefined && maySubscribe(accessOf(grant).access, filter, topicPrefix),
  };
}

/** Whether the password is a token for this client id and user name. */
function tokenVerifier({ issuer, audience, jwks }: AdmissionRulesOptions) {
  const key = keySource(jwks);
  return async ({ id, username, password }: Credentials): Promise<false | Grant> => {
    if (!password || password.length > MAX_TOKEN_LENGTH) return false;
    const { payload } = await jwtVerify(fromUtf8(password), key, {
      ...{ issuer, audience, algorithms: [TOKEN_ALGORITHM] },
      requiredClaims: ['exp', 'sub', 'clientid'],
    });
    const { sub, exp, clientid, device } = payload;
    if (sub === undefined || exp === undefined || sub !== username || clientid !== id) return false;
    const validFor = exp * 1000 - Date.now();
    const host = hostOf(sub);
    const whose = host === undefined ? { address: sub } : { address: host, guest: true };
    return { ...whose, validFor, ...(typeof device === 'string' && { device }) };
  };
}

function keySource(jwks: AdmissionRulesOptions['jwks']): JWTVerifyGetKey {
  if (typeof jwks !== 'function') return createRemoteJWKSet(new URL(jwks));
  return (header, token) => createLocalJWKSet(jwks())(header, token);
}

interface CompiledAccess {
  readonly access: TopicAccess;
  mayPublish(topic: string, retain: boolean): boolean;
}

function compile(access: TopicAccess): CompiledAccess {
  const [plain, retained] = [topicMatcher(access.publish), topicMatcher(access.retain)];
  return { access, mayPublish: (topic, retain) => (retain ? retained : plain)(topic) };
}

/** Words that stand where an address would. */
const RESERVED = ['room', 'group', RELAY_ADDRESS];

/** The address whose topic it is; `undefined` for one that is nobody's, `null` where an address should stand and does not. */
function receiverOf(topic: string, prefix: string): string | undefined | null {
  const [name = '', ...rest] = topic.slice(prefix.length + 1).split('/');
  // `nes/room/message` names no room.
  if (RESERVED.includes(name))
    return topic === `${prefix}/${RELAY_ADDRESS}/hand-in` || rest.length > 1 ? undefined : null;
  return isAddress(name) ? name : null;
}

/** Answers at once for who was registered a moment ago; somebody who was not may be any time. */
function knownAddresses(registered: AdmissionRulesOptions['registered']): (address: string) => true | Promise<boolean> {
  const known = new LRUCache<string, true>({ max: MAX_KNOWN, ttl: REGISTERED_FOR });
  return (address) => {
    if (!registered || known.has(address)) return true;
    return registered(address).then((yes) => {
      if (yes) known.set(address, true);
      return yes;
    });
  };
}

function noticeLimit(): (grant: Grant) => boolean {
  const buckets = new WeakMap<Grant, TokenBucket>();
  return (grant) => {
    const { bucket, wait } = takeToken(buckets.get(grant), NOTICES, performance.now());
    buckets.set(grant, bucket);
    return wait === 0;
  };
}

function oncePer<K extends object, V>(make: (key: K) => V): (key: K) => V {
  const made = new WeakMap<K, V>();
  return (key) => {
    const known = made.get(key) ?? make(key);
    made.set(key, known);
    return known;
  };
}
