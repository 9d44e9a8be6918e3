import { expect, test } from 'vitest';
import type { Context } from '../../src/client/context.js';
import { createAnswerReader } from '../../src/client/relay/answer-reader.js';
import type { PrivateKey } from '../../src/crypto/provider.js';
import { addDevice, retireDevice, revokeDevice } from '../../src/protocol/identity/index.js';
import { type RelayAnswer, sealRelayAnswer } from '../../src/protocol/relay/index.js';
import { native } from '../envelope/parties.js';
import { account, DAY, device, NOW, next, now } from '../identity/accounts.js';
import { relayAccount } from './parties.js';

const ANSWER: RelayAnswer = {
  nonce: new Uint8Array(16),
  now: NOW * 1000,
  refused: new Map([['bob', 'not-registered']]),
};

test("an answer is the relay's where a device of its record has signed it that holds", async () => {
  const relay = relayAccount();
  const [retired, revoked, strange] = [device(relay), device(relay), device(relay)];
  let { record } = relay;
  for (const { entry } of [retired, revoked]) record = next(relay, record, addDevice(entry));
  record = next(relay, record, retireDevice(retired.keys.id, NOW));
  record = next(relay, record, revokeDevice(revoked.keys.id, NOW));
  const alice = account('alice');
  const read = (signKey: PrivateKey, later = 0) => {
    const context = {
      provider: native,
      account: { address: 'alice', sealKeys: [alice.device.sealKey] },
      keys: { cached: () => record },
      now: () => (NOW + later) * 1000,
    } as unknown as Context;
    const { address, devices } = alice.record;
    const to = { address, sealKey: (devices[0] as (typeof devices)[0]).sealKey };
    return createAnswerReader(context, () => true)(now(sealRelayAnswer(native, ANSWER, signKey, to)));
  };
  expect(await read(relay.device.signKey)).toEqual(ANSWER);
  // It may have been under way.
  expect(await read(retired.keys.signKey)).toEqual(ANSWER);
  expect(await read(retired.keys.signKey, 46 * DAY)).toBeUndefined();
  expect(await read(revoked.keys.signKey)).toBeUndefined();
  expect(await read(strange.keys.signKey)).toBeUndefined();
});
