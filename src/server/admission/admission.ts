import type { JSONWebKeySet } from 'jose';
import { LRUCache } from 'lru-cache';
import type { PassingCredentials } from '../../adapters/mqtt/mqtt-transport.js';
import { toBase64url } from '../../bytes/base64url.js';
import { Header } from '../../cose/labels.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { run } from '../../crypto/steps.js';
import { SealMQError } from '../../errors.js';
import type { Store } from '../../ports/store.js';
import {
  challenge,
  notice,
  readTokenRequest,
  type SignedTokenRequest,
  verifyTokenRequest,
} from '../../protocol/directory/admission.js';
import { guestName, readVoucher, verifyVoucher } from '../../protocol/directory/guest.js';
import { DEFAULT_TOPIC_PREFIX } from '../../protocol/envelope/topics.js';
import { findDevice } from '../../protocol/identity/account.js';
import type { KeyRecord } from '../../protocol/identity/record.js';
import { verifyStatement } from '../../protocol/statement.js';
import type { DirectoryKeys } from '../key-provider/directory-keys.js';
import type { Registered } from '../registered.js';
import { openClientIds } from './client-ids.js';
import { createGuests } from './guests.js';
import { openTokenKeys } from './token-keys.js';
import { aclRules, type Subject, topicAccess } from './topic-access.js';

/** How a directory admits devices to a broker. */
export interface AdmissionOptions {
  /** `iss` of the tokens; default `sealmq`. */
  readonly issuer?: string;
  /** `aud` of the tokens, which names the broker; default `mqtt`. */
  readonly audience?: string;
  /** How long a token holds, in seconds; default 900. A device that is revoked is cut off after as long at the latest. */
  readonly lifetime?: number;
  /** First levels of all topics, for the claim `acl`; default `nes`. */
  readonly topicPrefix?: string;
}

/** A token for a broker: the password of one MQTT client id. */
export interface BrokerToken {
  /** A JWT (RFC 7519), signed with ES256. */
  readonly token: string;
  /** Seconds. */
  readonly expiresIn: number;
  /** The MQTT user name that belongs to it. */
  readonly username: string;
}

/** What a broker in the same process needs of a directory that admits, and its operator. */
export interface Admission {
  readonly issuer: string;
  readonly audience: string;
  readonly topicPrefix: string;
  /** Whether an address is registered at the directory. */
  readonly registered: Registered;
  /** The public keys of the tokens, as `/.well-known/jwks.json` has them. */
  jwks(): JSONWebKeySet;
  /** Introduces the next key, which signs after `overlap` seconds (default 3600). @throws `USAGE_INVALID_ARGUMENT` during a roll-over */
  rotateTokenKey(options?: { readonly overlap?: number }): Promise<void>;
  /**
   * For one of the operator's own clients, which need not prove anything:
   * `createRelay({ credentials: admission.credentialsFor('relay'), … })`.
   */
  credentialsFor(address: string): (clientId: string) => Promise<Required<PassingCredentials>>;
  /** A signed word to `address` that nobody is registered as `unregistered`, to whom it sent the message of this hash. */
  notice(address: string, unregistered: string, message: Uint8Array): Promise<Uint8Array>;
}

/** {@link Admission}, and what the routes of the directory need. */
export interface AdmissionDesk extends Admission {
  challenge(): Promise<Uint8Array>;
  /** @throws `DECODE_*`, `DIRECTORY_NOT_FOUND`, `DIRECTORY_REFUSED`, `DIRECTORY_CONFLICT`, `DIRECTORY_RATE_LIMITED` */
  admit(request: Uint8Array): Promise<BrokerToken>;
  /**
   * Takes the word of an identity key for a device that is to be linked: {@link admit} gives it tokens for ten minutes.
   *
   * @throws `DECODE_*`, `DIRECTORY_NOT_FOUND`, `DIRECTORY_REFUSED`
   */
  vouch(voucher: Uint8Array): Promise<void>;
}

/** What {@link openAdmission} works on. */
export interface AdmissionParts {
  readonly store: Store;
  readonly provider: CryptoProvider;
  readonly keys: DirectoryKeys;
  readonly registered: Registered;
  /** The current record of the address of a request; `undefined` when none is known. @throws `DIRECTORY_REFUSED` */
  readonly recordOf: (
    request: Pick<SignedTokenRequest, 'address' | 'infoOk' | 'record'>,
  ) => Promise<KeyRecord | undefined>;
  /** Seconds. */
  readonly now: () => number;
}

const DEFAULT_LIFETIME = 900;
const DEFAULT_OVERLAP = 3600;
const NONCE_BYTES = 32;
const TOKEN_ID_BYTES = 16;

/** How long a challenge is good for, in seconds. */
const CHALLENGE_LIFE = 60;

/** Challenges that were answered, kept until they are over. They bear our signature, so others need not be kept. */
const MAX_ANSWERED = 100_000;

/** Opens the token keys in the store; the first opening draws one. @throws `STATE_CORRUPT` */
export async function openAdmission(parts: AdmissionParts, options: AdmissionOptions): Promise<AdmissionDesk> {
  const { store, provider, keys, recordOf, registered, now } = parts;
  const { issuer = 'sealmq', audience = 'mqtt', lifetime = DEFAULT_LIFETIME } = options;
  const { topicPrefix = DEFAULT_TOPIC_PREFIX } = options;
  const tokenKeys = await openTokenKeys(store, lifetime, now);
  const clientIds = await openClientIds(store, provider, now);
  const guests = createGuests(provider, now);
  const answered = new LRUCache<string, true>({ max: MAX_ANSWERED });

  /** Whether it is ours, fresh, and was not answered before. */
  async function takeChallenge(bytes: Uint8Array): Promise<void> {
    const publicKeys = await keys.publicKeys(CHALLENGE_LIFE);
    const { nonce, servedAt, maxAge } = await run(verifyStatement(provider, publicKeys, challenge, bytes));
    const name = toBase64url(nonce);
    const isFresh = servedAt <= now() && servedAt + maxAge >= now();
    if (!isFresh || answered.has(name)) throw new SealMQError('DIRECTORY_REFUSED', 'ask for another challenge');
    answered.set(name, true);
  }

  /** Whom a request is by: a device of the record, or a guest that is not in it. */
  async function subjectOf(request: SignedTokenRequest): Promise<Required<Subject> & { readonly holds: number }> {
    const { address } = request;
    const record = await recordOf(request);
    // A guest of an anonymous address has nothing to show yet: what its host has shown was judged with the voucher.
    const guest = record && (await isIn(record, request)) ? undefined : await guests.find(request);
    if (guest) return { address, device: guest.device.id, guest: true, holds: Math.min(lifetime, guest.left) };
    if (!record) throw notRegistered(address);
    const { id } = await run(verifyTokenRequest(provider, request, record, now()));
    return { address, device: id, guest: false, holds: lifetime };
  }

  async function isIn(record: KeyRecord, { message }: SignedTokenRequest): Promise<boolean> {
    const kid = message.protectedHeader.get(Header.kid);
    return kid instanceof Uint8Array && (await run(findDevice(provider, record, kid))) !== undefined;
  }

  /** @param holds - seconds */
  async function issue(subject: Subject, clientId: string, holds = lifetime): Promise<BrokerToken> {
    const { address, device, guest = false } = subject;
    const issuedAt = now();
    const username = guest ? guestName(address) : address;
    const token = await tokenKeys.sign({
      // The second that has begun does not count: the token holds for no less than it says.
      ...{ iss: issuer, aud: audience, sub: username, iat: issuedAt, exp: issuedAt + 1 + holds },
      jti: toBase64url(provider.randomBytes(TOKEN_ID_BYTES)),
      // Under the names by which brokers compare them with what stands in CONNECT.
      ...{ username, clientid: clientId },
      ...(device !== undefined && { device }),
      acl: aclRules(topicAccess(subject, topicPrefix)),
    });
    return { token, expiresIn: holds, username };
  }

  return {
    ...{ issuer, audience, topicPrefix, registered },
    credentialsFor: (address) => async (clientId) => {
      const { token, expiresIn } = await issue({ address }, clientId);
      return { username: address, password: token, validFor: expiresIn * 1000 };
    },
    jwks: tokenKeys.jwks,
    rotateTokenKey: ({ overlap = DEFAULT_OVERLAP } = {}) => tokenKeys.rotate(overlap),
    challenge: () =>
      keys.sign(challenge, { nonce: provider.randomBytes(NONCE_BYTES), servedAt: now(), maxAge: CHALLENGE_LIFE }),
    async admit(bytes) {
      const request = readTokenRequest(bytes);
      const { address, clientId } = request;
      const { holds, ...subject } = await subjectOf(request);
      await takeChallenge(request.challenge).catch(refuse);
      await clientIds.grant(clientId, address, subject.device);
      return issue(subject, clientId, holds);
    },
    async vouch(bytes) {
      const voucher = readVoucher(bytes);
      const record = await recordOf(voucher);
      if (!record) throw notRegistered(voucher.address);
      await run(verifyVoucher(provider, voucher, record));
      await takeChallenge(voucher.challenge).catch(refuse);
      await guests.welcome(voucher);
    },
    notice: (address, unregistered, message) => keys.sign(notice, { address, unregistered, message, issuedAt: now() }),
  };
}

function notRegistered(address: string): SealMQError {
  return new SealMQError('DIRECTORY_NOT_FOUND', `nobody is registered as ${address}`);
}

/** What does not verify is no challenge of ours: the other side is to ask for one. */
function refuse(cause: unknown): never {
  throw new SealMQError('DIRECTORY_REFUSED', 'ask for another challenge', cause);
}
