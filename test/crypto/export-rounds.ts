/** A process of its own, since a dead-lock cannot be timed out from within: generates and exports keys in a row. */
import { nativeProvider } from '../../src/crypto/native.js';
import type { KeyAlgorithm } from '../../src/crypto/provider.js';
import { atOnce } from '../../src/crypto/steps.js';

const ROUNDS = 6000;

const provider = nativeProvider();
const algorithms: readonly KeyAlgorithm[] = ['X25519', 'Ed25519', 'ESP256', 'P-256'];
const garbage: Uint8Array[] = [];

for (let round = 0; round < ROUNDS; round++) {
  for (const algorithm of algorithms) provider.exportPrivateKey(atOnce(provider.generateKey(algorithm)));
  garbage[round % 256] = new Uint8Array(200);
}
process.stdout.write('done');
