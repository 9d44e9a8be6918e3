import { expect, test } from 'vitest';
import { publishHead } from '../../src/adapters/mqtt/publish-packet.js';
import { hex } from '../bytes/hex.js';

/** Remaining lengths at the borders of the table in MQTT 3.1.1 §2.2.3; topic `a` and its length are three bytes of them. */
const BORDERS: readonly (readonly [number, string])[] = [
  [127, '7f'],
  [128, '8001'],
  [16_383, 'ff7f'],
  [16_384, '808001'],
  [2_097_151, 'ffff7f'],
  [2_097_152, '80808001'],
  [268_435_455, 'ffffff7f'],
];

test.each(BORDERS)('a packet with a remaining length of %d', (length, encoded) => {
  expect(publishHead(4, 'a', length - 3, false)).toEqual(hex(`30${encoded}000161`));
  // One byte more says that there are no properties.
  expect(publishHead(5, 'a', length - 4, true)).toEqual(hex(`31${encoded}00016100`));
});
