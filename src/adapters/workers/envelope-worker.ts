/** A worker thread of the envelope pool: seals and opens what it is handed. */
import { parentPort } from 'node:worker_threads';
import { toHex } from '../../bytes/bytes.js';
import { decodeCbor } from '../../bytes/cbor.js';
import { type PublicKey, readPublicKey } from '../../cose/key.js';
import { nativeProvider } from '../../crypto/native.js';
import type { PrivateKey } from '../../crypto/provider.js';
import { open, type SenderKey, sealSync } from '../../protocol/envelope/index.js';
import {
  type Answer,
  errorOf,
  type FromWorker,
  failureOf,
  inBatches,
  type Job,
  type Result,
  type ToWorker,
  toWire,
} from './jobs.js';

/** Public keys that stay imported. */
const MAX_PUBLIC_KEYS = 10_000;

const provider = nativeProvider();
const privateKeys = new Map<number, PrivateKey>();
const publicKeys = new Map<string, PublicKey>();
const asked = new Map<number, (answer: Answer) => void>();

interface Due {
  readonly results: Result[];
  readonly questions: FromWorker['questions'][number][];
}

const send = inBatches<Due>(
  () => ({ results: [], questions: [] }),
  (message) => parentPort?.postMessage(message),
);

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
  const answer = await new Promise<Answer>((resolve) => {
    asked.set(n, resolve);
    send(({ questions }) => questions.push({ n, from, kid, issuedAt }));
  });
  asked.delete(n);
  if ('failed' in answer) throw errorOf(answer.failed);
  if ('refused' in answer) return { refused: answer.refused };
  const { key, ...sender } = answer;
  return { ...sender, key: publicKey(key) };
}

function sealNow({ n, draft, signKey, recipients }: Extract<Job, { kind: 'seal' }>): Result {
  try {
    const keys = { signKey: privateKey(signKey), recipients: recipients.map(publicKey) };
    return { n, sealed: sealSync(provider, draft, keys) };
  } catch (error) {
    return { n, failed: failureOf(error) };
  }
}

async function openWhenKnown({ n, sealed, context, keys }: Extract<Job, { kind: 'open' }>): Promise<Result> {
  try {
    const outcome = await open(provider, sealed, {
      ...context,
      keys: keys.map(privateKey),
      senderKey: (from, kid, issuedAt) => senderKey(n, from, kid, issuedAt),
    });
    return { n, outcome: toWire(outcome) };
  } catch (error) {
    return { n, failed: failureOf(error) };
  }
}

const done = (result: Result) => send(({ results }) => results.push(result));

parentPort?.on('message', async ({ keys, jobs, answers }: ToWorker) => {
  for (const { id, algorithm, coseKey } of keys) {
    privateKeys.set(id, await provider.importPrivateKey(algorithm, coseKey, false));
    coseKey.fill(0);
  }
  for (const answer of answers) asked.get(answer.n)?.(answer);
  for (const job of jobs) {
    if (job.kind === 'seal') done(sealNow(job));
    else void openWhenKnown(job).then(done);
  }
});
