import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { nodeDataChannelRtc } from '../../src/adapters/rtc/node-datachannel.js';
import type { Rtc } from '../../src/ports/rtc.js';
import { passed } from '../call/passed.js';
import { first, ringing } from '../call/talking.js';
import { closing, createWorld, until } from '../client/world.js';
import { type Listener, victim } from './processes.js';
import type { Task } from './task.js';

/** What passes for the survivor so that it need not be waited for: as long as a dial, or a step, may take. */
const DIAL = 90_000;
const STEP = 60_000;

/** Calls `hook` when the other side's offer is there, before anything is made of it, and `then` when it is answered. */
function onOffer(rtc: Rtc, hook: () => Promise<void>, then: () => void): Rtc {
  return {
    name: rtc.name,
    create(options) {
      const connection = rtc.create(options);
      return Object.assign(Object.create(connection), {
        async answer(sdp: string) {
          await hook();
          const answer = await connection.answer(sdp);
          setTimeout(then, 100);
          return answer;
        },
      });
    },
  };
}

test('whoever is killed in whatever state of a call is missed, and can call and be called again', {
  timeout: 240_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sealmq-calls-'));
  closing(() => rm(folder, { recursive: true, force: true }));
  const world = await createWorld();
  let [offered, answered] = [async () => {}, () => {}];
  const rtc = onOffer(
    nodeDataChannelRtc(),
    () => offered(),
    () => answered(),
  );
  const calls = { rtc, heartbeat: 300, fallbackAfter: 30_000 };
  const alice = await world.join('alice', { calls });
  const task: Task = {
    ...{ address: 'bob', store: join(folder, 'bob'), broker: world.brokerUrl, directory: world.directory.url },
    ...{ journal: '', to: 'alice', messages: 0 },
  };

  /** Bob, in a process of his own that dies by itself in a state, or not. */
  async function bob(mortalIn = ''): Promise<Listener & { says(word: string): Promise<unknown> }> {
    const lines: string[] = [];
    const process = victim('call-process.ts', [JSON.stringify(task), mortalIn], (line) => lines.push(line));
    closing(() => process.kill());
    await process.start();
    const says = (word: string) => until(() => (lines.includes(word) ? true : undefined));
    await says('ready');
    return { ...process, says };
  }
  /** Time passes for Alice, until what she waits for has come to its end. */
  async function later<T>(milliseconds: number, wait: Promise<T>): Promise<T> {
    const takeBack = passed(milliseconds);
    try {
      return await wait;
    } finally {
      takeBack();
    }
  }
  const caught = (work: Promise<unknown>) =>
    work.then(
      () => 'a call',
      ({ code }) => code,
    );
  const called = () => caught(alice.call('bob'));
  const accepts = () => ringing(alice).then((incoming) => incoming.accept());
  const outcomes: Record<string, unknown> = {};

  const dialling = await bob();
  const rings = ringing(alice);
  dialling.tell('call');
  const incoming = await rings;
  await dialling.kill();
  outcomes.dialling = await later(DIAL, incoming.ended);

  const answering = await bob('answering');
  const toAnswering = caught(accepts());
  answering.tell('call');
  await answering.gone();
  outcomes.answering = await later(STEP, toAnswering);

  const connecting = await bob('connecting');
  const toConnecting = caught(accepts());
  connecting.tell('call');
  await connecting.gone();
  outcomes['connecting caller'] = await later(STEP, toConnecting);

  const ringer = await bob();
  const toRinging = called();
  await ringer.says('ringing');
  await ringer.kill();
  outcomes.ringing = await later(DIAL, toRinging);

  const offering = await bob();
  const toOffering = called();
  await offering.says('ringing');
  offered = () => offering.kill();
  // The time that the next step may take begins with the answer.
  const toTheDead = new Promise<void>((resolve) => {
    answered = resolve;
  });
  offering.tell('accept');
  await toTheDead;
  offered = async () => {};
  outcomes.offering = await later(STEP, toOffering);

  const callee = await bob('connecting');
  const toCallee = called();
  await callee.says('ringing');
  callee.tell('accept');
  await callee.gone();
  outcomes['connecting callee'] = await later(STEP, toCallee);

  const talking = await bob();
  const line = accepts();
  talking.tell('call');
  const call = await line;
  await talking.kill();
  outcomes.connected = await call.ended;

  expect(outcomes).toEqual({
    dialling: { reason: 'timeout', by: 'us' },
    ...{ answering: 'CALL_NO_ANSWER', 'connecting caller': 'CALL_NO_ANSWER' },
    ...{ ringing: 'CALL_NO_ANSWER', offering: 'CALL_NO_ANSWER', 'connecting callee': 'CALL_NO_ANSWER' },
    connected: { reason: 'failed', by: 'us' },
  });

  const alive = await bob();
  const back = alice.call('bob');
  await alive.says('ringing');
  alive.tell('accept');
  const again = await back;
  const heard = first(again);
  await again.send('you are here');
  expect(await heard).toBe('you are here, too');
});
