import { createHmac, randomBytes } from 'node:crypto';
import { defaultProvider } from 'sealmq/crypto';
import { createAccount, run } from 'sealmq/identity';
import { BloomFilter, emailId, verificationHash } from 'sealmq/registration';
import { type CodeMessage, createKeyProvider } from 'sealmq/server';
import { type Result, sideBySide } from './measure.js';

const REGISTRATIONS = 500;
const IDS = 100_000;

/** A code asked for and answered, over HTTP in this process; and questions to a Bloom filter of the default size. */
export async function registration(): Promise<Result[]> {
  return [await registrations(), ...(await bloomChecks())];
}

async function registrations(): Promise<Result> {
  const provider = await defaultProvider();
  const codes = new Map<string, string>();
  const off = { perNetwork: false, answers: false, perVerificationId: false, perAddress: false, total: false } as const;
  const email = {
    send: async ({ to, code }: CodeMessage) => void codes.set(to, code),
    close: async () => {},
  };
  const server = await createKeyProvider({
    limits: { reads: false, writes: false },
    registration: { mode: 'named', email, limits: off },
  });
  const post = (path: string, body: string) =>
    server.app(new Request(`${server.url}/v1/registrations${path}`, { method: 'POST', body }));
  const now = Math.floor(Date.now() / 1000);
  const bodies = await Promise.all(
    Array.from({ length: REGISTRATIONS }, async (_, i) => {
      const to = `user-${i}@example.org`;
      const salt = new Uint8Array(randomBytes(32));
      const { record } = await run(createAccount(provider, { address: `user-${i}`, now }));
      const hash = await run(verificationHash(provider, salt, emailId(to)));
      const [text, r, h] = [record.bytes, salt, hash].map((bytes) => Buffer.from(bytes).toString('base64url'));
      return {
        to,
        body: JSON.stringify({ userId: `user-${i}`, record: text, salt: r, verificationHash: h, email: to }),
      };
    }),
  );
  const start = process.hrtime.bigint();
  for (const { to, body } of bodies) {
    const { id } = (await (await post('', body)).json()) as { id: string };
    const answer = await post(`/${id}/verify`, JSON.stringify({ code: codes.get(to) }));
    if (answer.status !== 200) throw new Error(await answer.text());
    await answer.arrayBuffer();
  }
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  await server.close();
  return { name: 'registrations, one after the other', value: REGISTRATIONS / seconds, unit: '/s' };
}

/** Beside the HMAC that makes the digest which is asked for. */
async function bloomChecks(): Promise<Result[]> {
  const key = randomBytes(32);
  const digest = (name: string) => createHmac('sha256', key).update(name).digest();
  const filter = new BloomFilter({ capacity: 1_000_000, falsePositives: 1e-6 });
  const members = Array.from({ length: IDS }, (_, i) => digest(`member ${i}`));
  const strangers = Array.from({ length: IDS }, (_, i) => digest(`stranger ${i}`));
  for (const each of members) filter.add(each);
  let i = 0;
  const next = () => i++ % IDS;
  const times = await sideBySide({
    known: () => filter.has(members[next()] as Uint8Array),
    unknown: () => filter.has(strangers[next()] as Uint8Array),
    hmac: () => digest(`member ${next()}`),
  });
  const row = (name: string, time: number): Result => ({
    ...{ name, value: 1e6 / time, unit: '/s', beside: 'HMAC-SHA-256 alone' },
    ratio: times.hmac / time,
  });
  return [row('Bloom checks of registered ids', times.known), row('Bloom checks of others', times.unknown)];
}
