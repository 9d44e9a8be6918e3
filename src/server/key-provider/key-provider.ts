import type { HttpBindings } from '@hono/node-server';
import { encodePublicKey } from '../../cose/key.js';
import { nativeProvider } from '../../crypto/native.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { run } from '../../crypto/steps.js';
import { systemClock } from '../../ports/clock.js';
import type { Store } from '../../ports/store.js';
import { verifyInfoOk } from '../../protocol/registration/info-ok.js';
import { type AdmissionDesk, type AdmissionParts, openAdmission } from '../admission/admission.js';
import { recordOfRequest } from '../admission/record-of-request.js';
import { openDataFolder } from '../data-folder.js';
import type { CheckInfoOk, Registered } from '../registered.js';
import { DEFAULT_INFO_OK_LIFE, openRegistrations } from '../registration/open.js';
import { openDirectoryKeys } from './directory-keys.js';
import { errorAnswer } from './http-error.js';
import { listen } from './listener.js';
import type { KeyProvider, KeyProviderOptions } from './options.js';
import { recordAnswers } from './record-answer.js';
import { openRecords } from './records.js';
import { createRoutes } from './routes.js';

export type { Claim, ClaimDecision, KeyProvider, KeyProviderOptions, RateLimits } from './options.js';

const DEFAULT_MAX_AGE = 300;
const DEFAULT_OVERLAP = 7 * 24 * 3600;

/**
 * Starts a key directory: an HTTP service that keeps the newest key record of each address, first claim first served, and
 * signs what it answers. `docs/wire-format.md` has its routes.
 *
 * @throws `USAGE_INVALID_ARGUMENT` when it would serve other machines in clear, `TRANSPORT_*` when the port cannot be had,
 *   `STATE_*` when the folder cannot be opened
 */
export async function createKeyProvider(options: KeyProviderOptions = {}): Promise<KeyProvider> {
  const provider = options.provider ?? nativeProvider();
  const store = options.store ?? (await openDataFolder(options.data, provider));
  const release = options.store ? async () => {} : () => store.close();
  try {
    return await start(store, provider, options, release);
  } catch (error) {
    await release();
    throw error;
  }
}

async function start(
  store: Store,
  provider: CryptoProvider,
  options: KeyProviderOptions,
  release: () => Promise<void>,
): Promise<KeyProvider> {
  const { clock = systemClock, maxAge = DEFAULT_MAX_AGE, claimPolicy = () => 'allow', limits = {}, onError } = options;
  const now = () => Math.floor(clock.now() / 1000);
  const keys = await openDirectoryKeys(store, provider, now);
  const { registration } = options;
  const records = openRecords(store, provider, now, claimPolicy, registration?.mode);
  const answers = recordAnswers(keys, maxAge, now);
  const probe = () => store.get('directory/keys');
  const report = (error: unknown) => onError?.(error);
  const registrations =
    registration &&
    (await openRegistrations(registration, {
      ...{ store, provider, clock, report, sign: keys.sign, publicKeys: keys.publicKeys },
      folder: options.store ? undefined : options.data,
      records: { ...records, publish: (address, record, at) => records.publish(address, record, new Headers(), at) },
    }));
  const registered: Registered =
    registrations?.registered ?? (async (address) => (await records.get(address)) !== undefined);
  const checkInfoOk: CheckInfoOk =
    registrations?.check ??
    (async (bytes) => run(verifyInfoOk(provider, await keys.publicKeys(DEFAULT_INFO_OK_LIFE), bytes, now())));
  const recordOf = recordOfRequest({ records, provider, checkInfoOk });
  const admission = await openDesk(options, { store, provider, keys, recordOf, registered, now });
  const routes = createRoutes({
    ...{ records, answers, keys, admission, registrations, provider, limits, clock, probe, report },
  });
  const running = new Set<Promise<Response>>();
  let closing: Promise<void> | undefined;

  async function app(request: Request, env?: HttpBindings): Promise<Response> {
    if (closing) return errorAnswer('USAGE_CLOSED', 'the key provider is closing');
    const answer = Promise.resolve(routes.fetch(request, env ?? {}));
    running.add(answer);
    return answer.finally(() => running.delete(answer));
  }

  const listener = await listen(app, options);

  async function shutDown(): Promise<void> {
    await listener.close();
    await Promise.allSettled(running);
    await registrations?.close().catch(report);
    await release();
  }

  return {
    url: listener.url,
    ...(admission && { admission }),
    app: (request) => app(request),
    ...{ registered, checkInfoOk },
    get directoryKey() {
      const { publicKey, thumbprint } = keys.current();
      return { publicKey: encodePublicKey(publicKey), thumbprint };
    },
    publishRelay: (record) => records.publishRelay(record),
    rotateDirectoryKey: ({ overlap = DEFAULT_OVERLAP } = {}) => keys.rotate(overlap),
    close() {
      closing ??= shutDown();
      return closing;
    },
  };
}

async function openDesk(
  { admission = false }: KeyProviderOptions,
  parts: AdmissionParts,
): Promise<AdmissionDesk | undefined> {
  return admission === false ? undefined : openAdmission(parts, admission === true ? {} : admission);
}
