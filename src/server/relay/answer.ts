import type { CryptoProvider } from '../../crypto/provider.js';
import { run } from '../../crypto/steps.js';
import type { Transport } from '../../ports/transport.js';
import { topicOf } from '../../protocol/envelope/topics.js';
import type { Account } from '../../protocol/identity/index.js';
import { type RelayAnswer, sealRelayAnswer } from '../../protocol/relay/index.js';
import type { Sender } from './senders.js';

/** What answering needs. */
export interface AnswerParts {
  readonly provider: CryptoProvider;
  readonly account: Account;
  /** Where copies and answers go out. */
  readonly outgoing: Pick<Transport, 'publish'>;
  readonly topicPrefix: string;
}

/** Answers the device that has asked. An answer that gets lost is asked for by the question's repetition. */
export async function answer(
  { provider, account, outgoing, topicPrefix }: AnswerParts,
  { address, device }: Sender,
  content: RelayAnswer,
): Promise<void> {
  const sealed = await run(
    sealRelayAnswer(provider, content, account.device.signKey, { address, sealKey: device.sealKey }),
  );
  await outgoing.publish(topicOf(topicPrefix, address, 'relay'), sealed, { qos: 0 }).catch(() => {});
}
