import type { PassingCredentials } from '../adapters/mqtt/mqtt-transport.js';
import type { CryptoProvider } from '../crypto/provider.js';
import { run } from '../crypto/steps.js';
import { isSealMQError, SealMQError } from '../errors.js';
import type { TokenDesk } from '../ports/key-directory.js';
import type { Store } from '../ports/store.js';
import { isRegistrationId } from '../protocol/address.js';
import { signTokenRequest, type TokenRequest } from '../protocol/directory/admission.js';
import { signVoucher } from '../protocol/directory/guest.js';
import type { DeviceEntry } from '../protocol/identity/device.js';
import type { LocalAccount } from './local-account.js';

/** Our way into a broker that takes tokens of the directory. */
export interface BrokerAdmission {
  /**
   * For the next connection: nothing where the directory hands out no tokens.
   *
   * @throws `TRANSPORT_REFUSED` when it does not admit this device, `STATE_NOT_REGISTERED` when it does not know it yet,
   *   `DIRECTORY_` codes
   */
  credentials(): Promise<PassingCredentials>;
  /** The broker has refused what it was shown: the next connection shows something else. */
  refused(): void;
  /**
   * Whether this device is in no record yet, and the broker takes tokens: it may come in as a guest, when the identity key of its
   * account vouches for it, and read its own control topic only.
   */
  isGuest(): Promise<boolean>;
  /** Vouches with our identity key for a device that is to be linked; nothing where there are no tokens. @throws as {@link credentials} */
  vouch(device: DeviceEntry): Promise<void>;
  /** Resolves when the directory does not know this device yet: nothing comes of connecting before it is registered. */
  readonly unknown: Promise<void>;
}

/** What {@link createAdmission} works with. */
export interface AdmissionParts {
  readonly tokens: TokenDesk;
  readonly account: LocalAccount;
  readonly provider: CryptoProvider;
  readonly store: Store;
  /** The directory's word that we are registered: an anonymous address shows it, with its record. */
  readonly infoOk?: () => Promise<Uint8Array | undefined>;
}

/** A token and when it runs out, in milliseconds of this process. */
interface Held {
  readonly token: string;
  readonly username: string;
  readonly life: number;
  readonly over: number;
}

/** Whether the directory hands out tokens, as far as we know. */
type Offer = 'unknown' | 'none' | 'tokens';

/** That this directory hands out tokens: while it cannot be reached, a connection without one is not worth a try. */
const OFFERED_KEY = 'broker-tokens';

const NOTHING = new Uint8Array(0);

/** What is left of a token's life when the next connection takes a new one. */
const RENEW = 0.4;

/** How long a directory of which we do not know whether it hands out tokens may keep the first connection waiting, in milliseconds. */
const PATIENCE = 3000;

/** What the directory answers to a device that is in no record of its address. */
const NOT_KNOWN = ['DIRECTORY_NOT_FOUND', 'DIRECTORY_REFUSED'];
const NOT_ADMITTED = [...NOT_KNOWN, 'DIRECTORY_CONFLICT'];

export async function createAdmission({
  tokens,
  account,
  provider,
  store,
  infoOk,
}: AdmissionParts): Promise<BrokerAdmission> {
  let offer: Offer = (await store.get(OFFERED_KEY)) ? 'tokens' : 'unknown';
  let held: Held | undefined;
  let tellUnknown = (): void => {};
  const unknown = new Promise<void>((resolve) => {
    tellUnknown = resolve;
  });

  const left = (): number => (held?.over ?? 0) - performance.now();
  const show = ({ token, username }: Held): PassingCredentials => ({
    ...{ username, password: token },
    validFor: left(),
  });

  async function learn(next: Offer): Promise<void> {
    if (offer === next) return;
    offer = next;
    const remembered = { key: OFFERED_KEY, value: new Uint8Array(1) };
    // A store that fails must not keep us from the broker.
    await store
      .batch([next === 'tokens' ? { type: 'put', ...remembered } : { type: 'del', key: OFFERED_KEY }])
      .catch(() => {});
  }

  /** A challenge to sign, `undefined` where there are no tokens. */
  async function fetchChallenge(): Promise<Uint8Array | undefined> {
    const challenge = await (offer === 'unknown' ? withinPatience(tokens.challenge()) : tokens.challenge());
    await learn(challenge ? 'tokens' : 'none');
    return challenge;
  }

  /** What a directory that has no record of an anonymous address is shown; nothing for a name. */
  async function proof(): Promise<Pick<TokenRequest, 'infoOk' | 'record'>> {
    const shown = isRegistrationId(account.address) ? await infoOk?.() : undefined;
    return shown ? { infoOk: shown, record: account.record.bytes } : {};
  }

  async function fetchToken(): Promise<Held | undefined> {
    const challenge = await fetchChallenge();
    if (!challenge) return undefined;
    const { address, clientId } = account;
    const request = { challenge, address, clientId, ...(await proof()) };
    const before = performance.now();
    const { token, expiresIn, username } = await tokens.token(
      await run(signTokenRequest(provider, account.device.signKey, request)),
    );
    return { token, username, life: expiresIn * 1000, over: before + expiresIn * 1000 };
  }

  /** What a failure means for the connection that waits. */
  function judge(error: unknown): PassingCredentials {
    const code = isSealMQError(error) ? error.code : '';
    if (!account.registered && NOT_KNOWN.includes(code)) {
      tellUnknown();
      throw new SealMQError('STATE_NOT_REGISTERED', 'the broker lets nobody in who is not registered', error);
    }
    if (NOT_ADMITTED.includes(code)) {
      throw new SealMQError('TRANSPORT_REFUSED', 'the directory does not admit this device to the broker', error);
    }
    if (held && left() > 0) return show(held);
    if (offer === 'unknown') return {};
    throw error;
  }

  return {
    unknown,
    async credentials() {
      if (offer === 'none') return {};
      if (held && left() > RENEW * held.life) return show(held);
      try {
        held = await fetchToken();
        return held ? show(held) : {};
      } catch (error) {
        return judge(error);
      }
    },
    async isGuest() {
      if (!account.linking) return false;
      // A directory that is away may have tokens to give: less is asked of the broker then.
      return (await fetchChallenge().catch(() => NOTHING)) !== undefined;
    },
    async vouch(device) {
      if (offer === 'none') return;
      const challenge = await fetchChallenge();
      if (!challenge) return;
      const { address, identityKey } = account;
      await tokens.vouch(
        await run(signVoucher(provider, identityKey, { challenge, address, device, ...(await proof()) })),
      );
    },
    refused() {
      held = undefined;
      if (offer === 'none') offer = 'unknown';
    },
  };
}

function withinPatience<T>(asking: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new SealMQError('DIRECTORY_UNREACHABLE', 'no answer yet')), PATIENCE);
  });
  return Promise.race([asking, late]).finally(() => clearTimeout(timer));
}
