import { nativeProvider } from '../../src/crypto/native.js';
import type { CryptoProvider, KeyAlgorithm, PrivateKey } from '../../src/crypto/provider.js';
import { run, type Steps } from '../../src/crypto/steps.js';
import { keyThumbprint } from '../../src/crypto/thumbprints.js';
import type { OpenContext } from '../../src/protocol/envelope/index.js';
import { type DeviceKeys, enterDevice, PROFILE, signRecord } from '../../src/protocol/identity/index.js';
import { hex } from '../bytes/hex.js';

/** Directory time of the fuzzed messages, in seconds. */
export const NOW = 1_800_000_000;

const native = nativeProvider();

/**
 * Private COSE_Keys that are the same in every run, so that what lies in the corpus stays signed by and addressed to
 * somebody: examples that RFC 8032 §7.1, RFC 7748 §6.1 and RFC 9052 §C.7.2 publish, secrets of nobody.
 */
const KEYS = {
  identity: `a4 0101 2006 215820 d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a 235820
    9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60`,
  signKey: `a4 0101 2006 215820 3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c 235820
    4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb`,
  aliceX25519: `a4 0101 2004 215820 8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a 235820
    77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a`,
  bobX25519: `a4 0101 2004 215820 de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f 235820
    5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb`,
  bobP256: `a5 0102 2001 215820 65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d 225820
    1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c 235820
    aff907c99f9ad3aae6c4cdf21122bce2bd68b5283e6907154ad911840fa208cf`,
} as const;

/** What an operation of a synchronous backend answers. */
export function atOnce<T>(result: T | Promise<T>): T {
  if (result instanceof Promise) throw new TypeError('not synchronous');
  return result;
}

/** What a program answers on a synchronous backend. */
export function now<T>(steps: Steps<T>): T {
  return atOnce(run(steps));
}

function importKey(provider: CryptoProvider, algorithm: KeyAlgorithm, name: keyof typeof KEYS): PrivateKey {
  return atOnce(provider.importPrivateKey(algorithm, hex(KEYS[name])));
}

export const identityKey = importKey(native, 'Ed25519', 'identity');

/** Alice's device, which sends the fuzzed messages. */
export const device: DeviceKeys = {
  id: 'a'.repeat(16),
  signKey: importKey(native, 'Ed25519', 'signKey'),
  sealKey: importKey(native, 'X25519', 'aliceX25519'),
};

/** Alice's record. */
export const record = now(
  (function* () {
    const { publicKey } = identityKey;
    const draft = { address: 'alice', version: 1, issuedAt: NOW, expiresAt: NOW + 1, identityKey: publicKey };
    const capabilities = { profiles: [PROFILE], suites: [] };
    const identity = yield* keyThumbprint(native, publicKey);
    const entry = yield* enterDevice(native, device, { address: 'alice', identity }, { notBefore: NOW });
    return yield* signRecord(native, identityKey, { ...draft, capabilities, devices: [entry] });
  })(),
);

/** Bob's sealing keys in a backend. */
export function sealKeys(provider: CryptoProvider): readonly [PrivateKey, PrivateKey] {
  return [importKey(provider, 'X25519', 'bobX25519'), importKey(provider, 'P-256', 'bobP256')];
}

const contexts = new Map<CryptoProvider, OpenContext>();

/** Bob, who knows Alice. */
export function receiver(provider: CryptoProvider): OpenContext {
  const known = contexts.get(provider);
  if (known) return known;
  const context: OpenContext = {
    address: 'bob',
    keys: sealKeys(provider),
    now: NOW,
    senderKey: () => ({ key: device.signKey.publicKey }),
  };
  contexts.set(provider, context);
  return context;
}
