import { equal } from '../../bytes/bytes.js';
import { run, type Steps, step } from '../../crypto/steps.js';
import { keyThumbprint } from '../../crypto/thumbprints.js';
import { isSealMQError, SealMQError } from '../../errors.js';
import { CALL_TYPE, decodeCallFrame, encodeCallFrame } from '../../protocol/call/frame.js';
import { DIAL_LIFE, type Readers, STEP_LIFE } from '../../protocol/call/state.js';
import { MESSAGE_ID_BYTES } from '../../protocol/envelope/claims.js';
import { openSigned } from '../../protocol/envelope/open.js';
import { sealSigned } from '../../protocol/envelope/seal.js';
import { topicOf } from '../../protocol/envelope/topics.js';
import { activeDevices } from '../../protocol/identity/account.js';
import type { DeviceEntry } from '../../protocol/identity/device.js';
import type { KeyRecord } from '../../protocol/identity/record.js';
import { handInTopic } from '../../protocol/relay/index.js';
import { type Context, seconds } from '../context.js';
import { rejectionOf } from '../receive.js';
import { refusalIn } from '../relay/copy-outcome.js';
import { makeHandIn, relayRecord } from '../relay/make-hand-in.js';
import type { Questions } from '../relay/questions.js';
import { receiverRecord } from '../send.js';
import { senderKey } from '../sender-keys.js';
import type { CallPort, OpenedFrame } from './port.js';

/** That it asks is all that there is to say. */
const JUST_WAKE = new Uint8Array(0);

/** How frames reach the others, and who is told that we hear them. */
export interface CallWays {
  readonly via: 'direct' | 'relay';
  readonly questions: Questions;
  heard(sealed: Uint8Array): void;
}

/** The port of calls over a messenger's account, key cache and connection. */
export function callPort(context: Context, { via, questions, heard }: CallWays): CallPort {
  const { provider, account, transport, topicPrefix, contacts } = context;
  const publish: CallPort['publish'] = (address, bytes) =>
    transport.publish(topicOf(topicPrefix, address, 'signal'), bytes, { qos: 1 });
  const handIn: CallPort['tell'] = async (address, sealed, wakes) => {
    const handed = { receivers: [address], family: 'signal' as const, sealed, ...(wakes && { wake: JUST_WAKE }) };
    const answer = await questions.ask({
      topic: handInTopic(topicPrefix),
      make: () => makeHandIn(context, handed),
      life: wakes ? DIAL_LIFE : STEP_LIFE,
    });
    const refusal = refusalIn(answer)(address);
    if (refusal) throw refusal;
  };
  return {
    ...{ publish, heard, tell: via === 'relay' ? handIn : publish },
    provider,
    address: account.address,
    now: () => context.now(),
    *handshake() {
      const { signKey } = account.device;
      const self = {
        address: account.address,
        identity: account.record.identity,
        signing: yield* keyThumbprint(provider, signKey.publicKey),
      };
      return {
        provider,
        self,
        *seal(frame, to) {
          const readers = yield* readersOf(context, to);
          if (readers.length === 0) return undefined;
          const draft = {
            ...{ from: self.address, audience: to.address, issuedAt: seconds(context), family: 'signal' as const },
            ...{ contentType: CALL_TYPE, payload: encodeCallFrame(frame) },
            ...{ id: provider.randomBytes(MESSAGE_ID_BYTES).slice(), padding: context.padding },
          };
          const recipients = readers.map(({ device }) => device.sealKey);
          const { sealed, signed } = yield* sealSigned(provider, draft, { signKey, recipients });
          const hash = yield* step(provider.sha256(signed));
          return { bytes: sealed, hash, readers: readers.map(({ signing }) => signing) };
        },
      };
    },
    async reach(address) {
      await context.settled();
      if (via === 'relay') await relayRecord(context);
      const { identity } = await receiverRecord(context, address);
      return { address, identity };
    },
    standing({ address, identity }) {
      const contact = contacts.get(address);
      if (!contact) return 'stranger';
      return contact.verified && contact.identity && equal(contact.identity, identity) ? 'verified' : 'contact';
    },
    open: (bytes) => openFrame(context, bytes),
  };
}

interface Reader {
  readonly device: DeviceEntry;
  /** Thumbprint of its signing key. */
  readonly signing: Uint8Array;
}

/** The devices that are to read a frame, as the record has them that we go by. */
function* readersOf(context: Context, { address, signing, except }: Readers): Steps<readonly Reader[]> {
  const record = yield* step(recordOf(context, address));
  const readers: Reader[] = [];
  for (const device of record ? activeDevices(record, seconds(context)) : []) {
    const kid = yield* keyThumbprint(context.provider, device.signKey);
    if ((!signing || equal(kid, signing)) && !(except && equal(kid, except))) readers.push({ device, signing: kid });
  }
  return readers;
}

function recordOf({ keys }: Context, address: string): KeyRecord | Promise<KeyRecord | undefined> {
  return keys.cached(address) ?? keys.record(address);
}

async function openFrame(context: Context, bytes: Uint8Array): Promise<Awaited<ReturnType<CallPort['open']>>> {
  const { provider, account, maxSealedBytes } = context;
  // The first that is heard after the machine slept would be judged by the time before that, as one from the future.
  await context.settled();
  const opened = await run(
    openSigned(provider, bytes, {
      ...{ address: account.address, family: 'signal', keys: account.sealKeys, now: seconds(context), maxSealedBytes },
      senderKey: (from, kid) => senderKey(context, from, kid),
    }),
  );
  const { outcome, signed } = opened;
  if (outcome.kind === 'not-for-me') return undefined;
  if (outcome.kind !== 'opened' || !signed) {
    return { rejection: rejectionOf(outcome, 'signal') ?? { reason: 'malformed' } };
  }
  const { from, payload, contentType, id, issuedAt, senderKey: signing } = outcome.message;
  try {
    if (contentType !== CALL_TYPE) throw new SealMQError('DECODE_CLAIMS', 'not a call frame');
    const frame = decodeCallFrame(payload);
    const identity = (await recordOf(context, from))?.identity;
    if (!identity) return { rejection: { reason: 'unknown-sender', from } };
    const hash = await provider.sha256(signed);
    const opened = { frame, from: { address: from, identity, signing }, hash, id, issuedAt, sealed: bytes };
    return opened satisfies OpenedFrame;
  } catch (error) {
    if (isSealMQError(error) && error.code.startsWith('DECODE_'))
      return { rejection: { reason: 'malformed', from, error } };
    throw error;
  }
}
