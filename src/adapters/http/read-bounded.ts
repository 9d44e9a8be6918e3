import { join } from '../../bytes/bytes.js';
import { SealMQError } from '../../errors.js';

/**
 * All bytes of `body`, counted while they arrive.
 *
 * @param limit - most bytes
 * @throws `DECODE_TOO_LARGE` as soon as there are more, whatever the sender announced; the rest is not read
 */
export async function readBounded(body: ReadableStream<Uint8Array> | null, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  if (!body) return new Uint8Array(0);
  const reader = body.getReader();
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return join(chunks);
    length += value.length;
    if (length > limit) {
      // Nobody waits for a sender to notice.
      reader.cancel().catch(() => {});
      throw new SealMQError('DECODE_TOO_LARGE', `more than ${limit} bytes`);
    }
    chunks.push(value);
  }
}
