import { toBase64url } from '../../src/bytes/base64url.js';
import { LocalAccount } from '../../src/client/local-account.js';
import { createSeen } from '../../src/client/seen.js';
import { openState, type State } from '../../src/client/state.js';
import { defaultProvider } from '../../src/crypto/probe.js';
import { open } from '../../src/protocol/envelope/open.js';
import { gaps } from '../../src/protocol/envelope/sequence.js';
import { MAY_COME_AGAIN } from '../simulation/ledger.js';
import { nonceWatch } from '../simulation/wiretap.js';
import { type Autopsy, type JournalLine, readHandings } from './autopsy.js';
import type { CrashOutcome } from './crash-run.js';
import { readJournal, type Task } from './task.js';
import type { Wire } from './wire.js';

/** What is left when all processes are dead. */
export interface Remains {
  readonly alice: Task;
  readonly bob: Task;
  readonly messages: number;
  readonly wire: Wire['seen'];
  /** What the receiver had recorded, each time when it was killed. */
  readonly autopsies: readonly Autopsy[];
}

/** Holds journals, stores and wire against what is promised. */
export async function checkRun({
  alice,
  bob,
  messages,
  wire,
  autopsies,
}: Remains): Promise<Omit<CrashOutcome, 'kills' | 'interrupted'>> {
  const problems: string[] = [];
  const journal = readHandings(bob);
  const handled = new Set(journal.filter(({ what }) => what === 'through').map(({ text }) => text));
  for (let n = 0; n < messages; n++) if (!handled.has(String(n))) problems.push(`${n} was never handled`);
  const repeated = checkRepetitions(journal, MAY_COME_AGAIN[bob.settle ?? 'soon'], problems);
  checkCompletions(journal, autopsies, problems);
  checkNumbers(readJournal(alice.journal), problems);

  const provider = await defaultProvider();
  const states = await Promise.all([alice, bob].map((task) => openState(task, provider)));
  const [aliceState, bobState] = states as [State, State];
  try {
    await checkGaps(bobState, problems);
    await checkWire(wire, { aliceState, bobState }, problems);
  } finally {
    for (const { store } of states) await store.close();
  }
  const completed = new Set(autopsies.flatMap(({ completed: ids }) => [...ids])).size;
  return { problems, handled: handled.size, repeated, completed, onTheWire: wire.length };
}

/** A number stands for what was sent in one turn at most. */
function checkNumbers(journal: readonly string[], problems: string[]): void {
  const turns = new Map<string, string>();
  for (const line of journal) {
    const [, seq, text, turn] = line.split(' ') as [string, string, string, string];
    if ((turns.get(seq) ?? turn) !== turn) problems.push(`send gave the number ${seq} again, to ${text}`);
    turns.set(seq, turn);
  }
}

/** Only the last messages of a process that died may come again: that it was through with those before it had recorded. */
function checkRepetitions(journal: readonly JournalLine[], most: number, problems: string[]): number {
  const handings = journal.filter(({ what }) => what === 'handed');
  const over = new Set<string>();
  const ids = new Set<string>();
  let repeated = 0;
  for (const [i, { id, text }] of handings.entries()) {
    if (over.has(id)) problems.push(`${text} was handed over again after its handler was through`);
    if (ids.has(id)) repeated++;
    ids.add(id);
    const last = handings[i + 1 - most];
    if (last && last.pid === handings[i + 1]?.pid) over.add(last.id);
  }
  return repeated;
}

/** What a dead receiver had on its disk as completed is not handed over by any later one. */
function checkCompletions(journal: readonly JournalLine[], autopsies: readonly Autopsy[], problems: string[]): void {
  for (const { lines, completed } of autopsies) {
    for (const { what, id, text } of journal.slice(lines)) {
      if (what === 'handed' && completed.has(id)) problems.push(`${text} was completed, and is handed over again`);
    }
  }
}

async function checkGaps({ store }: State, problems: string[]): Promise<void> {
  const seen = createSeen(store);
  for await (const numbering of seen.numberings()) {
    const state = await seen.state(numbering);
    if (!state || gaps(state).length > 0) problems.push(`missing at the end: ${JSON.stringify(state && gaps(state))}`);
  }
}

/** No nonce and no number twice, whoever looks. */
async function checkWire(
  wire: Wire['seen'],
  { aliceState, bobState }: { aliceState: State; bobState: State },
  problems: string[],
): Promise<void> {
  const provider = await defaultProvider();
  const [alice, bob] = [
    await LocalAccount.load(aliceState, provider, 'alice'),
    await LocalAccount.load(bobState, provider, 'bob'),
  ];
  if (!alice || !bob) throw new TypeError('an account is gone');
  const watch = nonceWatch();
  const numbers = new Map<string, string>();
  for (const { topic, bytes } of wire) {
    const reused = watch(bytes);
    if (reused) problems.push(reused);
    if (topic !== 'nes/bob/message') continue;
    const senderKey = () => ({ key: alice.device.signKey.publicKey, device: alice.device.id });
    const context = { address: 'bob', keys: bob.sealKeys, now: Math.floor(Date.now() / 1000), senderKey };
    const outcome = await open(provider, bytes, context);
    if (outcome.kind !== 'opened') {
      problems.push(`on the wire: ${outcome.kind}`);
      continue;
    }
    const { stream, seq, id } = outcome.message;
    const number = `${stream}/${seq}`;
    const name = toBase64url(id);
    if ((numbers.get(number) ?? name) !== name) problems.push(`the number ${number} was used for two messages`);
    numbers.set(number, name);
  }
}
