/** A worker thread of the envelope pool: seals and opens what it is handed. */
import { parentPort } from 'node:worker_threads';
import { toHex } from '../../bytes/bytes.js';
import { decodeCbor } from '../../bytes/cbor.js';
import { type PublicKey, readPublicKey } from '../../cose/key.js';
import { nativeProvider } from '../../crypto/native.js';
import type { PrivateKey } from '../../crypto/provider.js';
import { open, type SenderKey, seal } from '../../protocol/envelope/index.js';
import { type Answer, errorOf, type FromWorker, failureOf, type Job, type ToWorker, toWire } from './jobs.js';

/** Public keys that stay imported. */
const MAX_PUBLIC_KEYS = 10_000;

const provider = nativeProvider();
const privateKeys = new Map<number, PrivateKey>();
const publicKeys = new Map<string, PublicKey>();
const asked = new Map<number, (answer: Answer) => void>();
let due: { results: FromWorker['results'][number][]; questions: FromWorker['questions'][number][] } | undefined;

/** What this turn of the loop brings goes back in one message. */
function outgoing(): NonNullable<typeof due> {
  if (!due) {
    due = { results: [], questions: [] };
    setImmediate(() => {
      parentPort?.postMessage(due);
      due = undefined;
    });
  }
  return due;
}

function publicKey(encoded: Uint8Array): PublicKey {
  const name = toHex(encoded);
  const known = publicKeys.get(name);
  if (known) return known;
  const key = readPublicKey(decodeCbor(encoded));
  const [oldest] = publicKeys.keys();
  if (publicKeys.size >= MAX_PUBLIC_KEYS && oldest !== undefined) publicKeys.delete(oldest);
  publicKeys.set(name, key);
  return key;
}

function privateKey(id: number): PrivateKey {
  return privateKeys.get(id) as PrivateKey;
}

async function senderKey(n: number, from: string, kid: Uint8Array, issuedAt: number): Promise<SenderKey> {
  outgoing().questions.push({ n, from, kid, issuedAt });
  const answer = await new Promise<Answer>((resolve) => asked.set(n, resolve));
  asked.delete(n);
  if ('failed' in answer) throw errorOf(answer.failed);
  if ('refused' in answer) return { refused: answer.refused };
  const { key, ...sender } = answer;
  return { ...sender, key: publicKey(key) };
}

async function work(job: Job): Promise<FromWorker['results'][number]> {
  const { n } = job;
  if (job.kind === 'seal') {
    const keys = { signKey: privateKey(job.signKey), recipients: job.recipients.map(publicKey) };
    return { n, sealed: await seal(provider, job.draft, keys) };
  }
  const outcome = await open(provider, job.sealed, {
    ...job.context,
    keys: job.keys.map(privateKey),
    senderKey: (from, kid, issuedAt) => senderKey(n, from, kid, issuedAt),
  });
  return { n, outcome: toWire(outcome) };
}

parentPort?.on('message', async ({ keys, jobs, answers }: ToWorker) => {
  for (const { id, algorithm, coseKey } of keys) {
    privateKeys.set(id, await provider.importPrivateKey(algorithm, coseKey, false));
    coseKey.fill(0);
  }
  for (const answer of answers) asked.get(answer.n)?.(answer);
  for (const job of jobs) {
    work(job)
      .catch((error: unknown) => ({ n: job.n, failed: failureOf(error) }))
      .then((result) => outgoing().results.push(result));
  }
});
