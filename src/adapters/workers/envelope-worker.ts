/** A worker thread of the envelope pool: seals and opens what it is handed. */
import { parentPort } from 'node:worker_threads';
import { equal, toHex } from '../../bytes/bytes.js';
import { decodeCbor } from '../../bytes/cbor.js';
import { type PublicKey, readPublicKey } from '../../cose/key.js';
import { nativeProvider } from '../../crypto/native.js';
import type { PrivateKey } from '../../crypto/provider.js';
import { atOnce } from '../../crypto/steps.js';
import {
  type Draft,
  type OpenContext,
  open,
  type SealKeys,
  type SenderKey,
  sealSync,
} from '../../protocol/envelope/index.js';
import { gather } from './gather.js';
import {
  type Answer,
  BATCH,
  errorOf,
  type FromWorker,
  failureOf,
  type KeyHandOver,
  type OpenBatch,
  oncePer,
  type Question,
  type Result,
  type SealBatch,
  type ToWorker,
  toWire,
  type WireContext,
  type WireSealKeys,
} from './jobs.js';

/** Public keys that stay imported. */
const MAX_PUBLIC_KEYS = 10_000;

const provider = nativeProvider();
const privateKeys = new Map<number, PrivateKey>();
const publicKeys = new Map<string, PublicKey>();
const asked = new Map<number, (answer: Answer) => void>();
let lastQuestion = 0;

/** What the next message to the pool will say. */
let ns: number[] = [];
let results: Result[] = [];
let questions: Question[] = [];

function done(n: number, result: Result): void {
  results.push(result);
  const count = ns.push(n);
  if (count === BATCH) post(0);
  else if (count === 1) setImmediate(() => ns.length > 0 && post(0));
}

/** Posts what is due; `through` jobs have been gone through. */
function post(through: number): void {
  const { values, buffer } = gather(results);
  parentPort?.postMessage({ through, ns, results: values, questions } satisfies FromWorker, [buffer]);
  [ns, results, questions] = [[], [], []];
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

function holdKey({ id, algorithm, coseKey }: KeyHandOver): void {
  privateKeys.set(id, atOnce(provider.importPrivateKey(algorithm, coseKey, false)));
  coseKey.fill(0);
}

function sealAll(batch: SealBatch): void {
  const keysOf = oncePer(
    ({ signKey, recipients }: WireSealKeys): SealKeys => ({
      signKey: privateKey(signKey),
      recipients: recipients.map(publicKey),
    }),
  );
  for (const [i, draft] of batch.drafts.entries()) {
    ns.push(batch.ns[i] as number);
    results.push(sealOne(draft, batch.keys[i] as WireSealKeys, keysOf));
  }
  post(batch.ns.length);
}

function sealOne(draft: Draft, keys: WireSealKeys, keysOf: (keys: WireSealKeys) => SealKeys): Result {
  try {
    return sealSync(provider, draft, keysOf(keys));
  } catch (error) {
    return { failed: failureOf(error) };
  }
}

function openAll(batch: OpenBatch): void {
  const contextOf = oncePer((context: WireContext) => {
    const n = batch.ns[batch.contexts.indexOf(context)] as number;
    return { ...context, keys: context.keys.map(privateKey), senderKey: asker(n) };
  });
  for (const [i, sealed] of batch.sealed.entries()) {
    const n = batch.ns[i] as number;
    open(provider, sealed, contextOf(batch.contexts[i] as WireContext)).then(
      (outcome) => done(n, toWire(outcome)),
      (error) => done(n, { failed: failureOf(error) }),
    );
  }
  post(batch.ns.length);
}

/** Asks the pool by the context of the job `n`, once for what is the same. */
function asker(n: number): OpenContext['senderKey'] {
  const known: { readonly question: Question; readonly sender: Promise<SenderKey> }[] = [];
  return (from, kid, issuedAt) => {
    const same = known.find(
      ({ question }) => question.issuedAt === issuedAt && question.from === from && equal(question.kid, kid),
    );
    if (same) return same.sender;
    const question = { id: ++lastQuestion, n, from, kid: kid.slice(), issuedAt };
    questions.push(question);
    const sender = answerTo(question.id);
    known.push({ question, sender });
    return sender;
  };
}

async function answerTo(id: number): Promise<SenderKey> {
  const answer = await new Promise<Answer>((resolve) => asked.set(id, resolve));
  asked.delete(id);
  if ('failed' in answer) throw errorOf(answer.failed);
  if ('refused' in answer) return { refused: answer.refused };
  const { key, id: _, ...sender } = answer;
  return { ...sender, key: publicKey(key) };
}

parentPort?.on('message', (message: ToWorker) => {
  switch (message.kind) {
    case 'key':
      return holdKey(message);
    case 'seal':
      return sealAll(message);
    case 'open':
      return openAll(message);
    case 'answers':
      for (const answer of message.answers) asked.get(answer.id)?.(answer);
  }
});
