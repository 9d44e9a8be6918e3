import { toHex } from '../../src/bytes/bytes.js';
import { nativeProvider } from '../../src/crypto/native.js';
import { atOnce, run } from '../../src/crypto/steps.js';
import { stateTag } from '../../src/protocol/envelope/state-tag.js';
import { fixedBytes } from './fixed-provider.js';
import { TAG_KEY } from './sealed.js';
import type { Vectors } from './types.js';

const CASES: readonly (readonly [key: Uint8Array, device: string, channel: string])[] = [
  [TAG_KEY, 'alicephonealicep', 'presence'],
  [TAG_KEY, 'alicephonealicep', 'telemetry/temperature'],
  [TAG_KEY, 'alicetabletalice', 'presence'],
  [fixedBytes('tagKey/other', 32), 'alicephonealicep', 'presence'],
];

/** Tags of states: another for each key, device and channel. */
export const stateTags: Vectors['stateTags'] = CASES.map(([key, device, channel]) => {
  return { key: toHex(key), device, channel, tag: atOnce(run(stateTag(nativeProvider(), key, device, channel))) };
});
