import { equal } from '../../bytes/bytes.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import { run } from '../../crypto/steps.js';
import { SealMQError } from '../../errors.js';
import type { SignedTokenRequest } from '../../protocol/directory/admission.js';
import { type KeyRecord, verifyRecord } from '../../protocol/identity/record.js';
import type { Records } from '../key-provider/records.js';
import type { CheckInfoOk } from '../registered.js';

/** What {@link recordOfRequest} looks into. */
export interface RecordSources {
  readonly records: Pick<Records, 'get'>;
  readonly provider: CryptoProvider;
  readonly checkInfoOk: CheckInfoOk;
}

/**
 * Finds the record that a token request or a voucher is judged by: the published one, or for an address that has none the one in the
 * request, when an Info OK says that its identity is registered under that address. `undefined` when there is neither.
 *
 * @throws `DIRECTORY_REFUSED` for an Info OK or a record that is not valid
 */
export function recordOfRequest({
  records,
  provider,
  checkInfoOk,
}: RecordSources): (
  request: Pick<SignedTokenRequest, 'address' | 'infoOk' | 'record'>,
) => Promise<KeyRecord | undefined> {
  return async ({ address, infoOk, record: bytes }) => {
    const published = await records.get(address);
    if (published) return published;
    if (!infoOk || !bytes) return undefined;
    try {
      const said = await checkInfoOk(infoOk);
      const record = await run(verifyRecord(provider, bytes));
      if (said.address === address && record.address === address && equal(said.identity, record.identity))
        return record;
    } catch (cause) {
      throw notProven(address, cause);
    }
    throw notProven(address);
  };
}

function notProven(address: string, cause?: unknown): SealMQError {
  return new SealMQError('DIRECTORY_REFUSED', `this does not prove that ${address} is registered`, cause);
}
