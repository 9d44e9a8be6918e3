import { describe, expect, test } from 'vitest';
import { toHex } from '../../src/bytes/bytes.js';
import { run } from '../../src/crypto/steps.js';
import { ring } from '../../src/protocol/call/callee.js';
import { dial } from '../../src/protocol/call/caller.js';
import { type CallFrame, CLOSE_REASONS, type CloseReason, type FrameType } from '../../src/protocol/call/frame.js';
import { TABLE } from '../../src/protocol/call/handshake.js';
import type {
  CallInput,
  CallOutput,
  CallState,
  Dialling,
  Phase,
  ReceivedFrame,
  Transition,
} from '../../src/protocol/call/state.js';
import { type Actor, actor, framed, go, lastSent, NOW, native } from './actors.js';

const TYPES: readonly FrameType[] = ['dial', 'offer', 'answer', 'ice', 'close'];
const CANDIDATE = { candidate: 'candidate:1 1 udp 1 192.0.2.1 5000 typ host', mid: '0' };

/** A call that was led through all its states: each side's state in each phase, and the frames that went over. */
interface Story {
  readonly alice: Actor;
  readonly bob: Actor;
  readonly bobsLaptop: Actor;
  readonly mallory: Actor;
  readonly states: Readonly<Record<string, { readonly who: Actor; readonly peer: Actor; readonly state: CallState }>>;
  /** By the one who sends it: `offer` of Bob, `ice-a` of Alice … */
  readonly frames: Readonly<Record<string, ReceivedFrame>>;
}

async function story(): Promise<Story> {
  const [alice, bob, mallory] = [actor('alice'), actor('bob'), actor('mallory')];
  const bobsLaptop = actor('bob', bob);
  const call = native.randomBytes(16).slice();
  const dialling = (await run(dial(alice.context, bob.party, call, NOW))).state;
  const ringing = ring(bob.party, lastSent(alice, 'dial'), NOW) as CallState;
  const offering = go(bob, ringing, { kind: 'accept', sdp: 'offer', now: NOW }).state;
  const answering = go(alice, dialling, framed(lastSent(bob, 'offer'))).state;
  const callers = go(alice, answering, { kind: 'describe', sdp: 'answer', now: NOW }).state;
  const callees = go(bob, offering, framed(lastSent(alice, 'answer'))).state;
  const [a, b] = [heard(alice, callers), heard(bob, callees)];
  // Candidates, ends and second offers are made apart, so that the states above have not seen them.
  go(alice, callers, { kind: 'candidate', round: 0, candidate: CANDIDATE });
  go(bob, callees, { kind: 'candidate', round: 0, candidate: CANDIDATE });
  const frames: Record<string, ReceivedFrame> = {
    dial: lastSent(alice, 'dial'),
    offer: lastSent(bob, 'offer'),
    answer: lastSent(alice, 'answer'),
    'ice-a': lastSent(alice, 'ice'),
    'ice-b': lastSent(bob, 'ice'),
  };
  go(alice, callers, { kind: 'hangUp', reason: 'hangup' });
  go(bob, callees, { kind: 'hangUp', reason: 'hangup' });
  const side = (who: Actor, peer: Actor, state: CallState) => ({ who, peer, state });
  return {
    ...{ alice, bob, bobsLaptop, mallory },
    states: {
      dialling: side(alice, bob, dialling),
      answering: side(alice, bob, answering),
      'connecting caller': side(alice, bob, callers),
      'connected caller': side(alice, bob, a),
      ringing: side(bob, alice, ringing),
      offering: side(bob, alice, offering),
      'connecting callee': side(bob, alice, callees),
      'connected callee': side(bob, alice, b),
      'closed caller': side(alice, bob, { phase: 'closed', call }),
      'closed callee': side(bob, alice, { phase: 'closed', call }),
    },
    frames: { ...frames, 'close-a': lastSent(alice, 'close'), 'close-b': lastSent(bob, 'close') },
  };
}

const heard = (who: Actor, state: CallState): CallState => go(who, state, { kind: 'heard' }).state;

/** What the peer of a side sends of a type, where there is such a thing; else the one of our own, which is as strange. */
function frameFor({ frames }: Story, isCaller: boolean, type: FrameType): ReceivedFrame {
  return (frames[type] ?? frames[`${type}-${isCaller ? 'b' : 'a'}`]) as ReceivedFrame;
}

const told = ({ state, outputs }: Transition): string => [state.phase, ...outputs.map(word)].join(' ');

function word(output: CallOutput): string {
  if (output.kind === 'refused') return `refused(${output.reason})`;
  if (output.kind === 'ended')
    return `ended(${output.reason}${output.unverified ? ', unverified' : ''} by ${output.by})`;
  return output.kind;
}

/** What each state makes of each frame of its peer. What is not here is passed over: `refused(unexpected)`. */
const EXPECTED: Readonly<Record<string, Partial<Record<FrameType, string>>>> = {
  dialling: { offer: 'answering publish remote', ice: 'dialling', close: 'dialling' },
  answering: { ice: 'answering candidate', close: 'closed ended(hangup by them)' },
  'connecting caller': { ice: 'connecting candidate', close: 'closed ended(hangup by them)' },
  'connected caller': { ice: 'connected candidate', close: 'closed ended(hangup by them)' },
  ringing: { close: 'closed ended(hangup by them)' },
  offering: { answer: 'connecting keys remote', ice: 'offering', close: 'closed ended(hangup by them)' },
  'connecting callee': { ice: 'connecting candidate', close: 'closed ended(hangup by them)' },
  'connected callee': { ice: 'connected candidate', close: 'closed ended(hangup by them)' },
};

const STATES = [
  ...['dialling', 'answering', 'connecting caller', 'connected caller', 'closed caller'],
  ...['ringing', 'offering', 'connecting callee', 'connected callee', 'closed callee'],
];
const cells = STATES.flatMap((state) => TYPES.map((type) => ({ state, type })));
const isCaller = (state: string) => /caller|dialling|answering/.test(state);

describe('every state and every frame', () => {
  test('the walk is through all states of the table', () => {
    expect(new Set(STATES.map((state) => state.split(' ')[0]))).toEqual(new Set(Object.keys(TABLE)));
  });

  test.each(cells)('$state: a valid $type', async ({ state: name, type }) => {
    const told_ = await story();
    const { who, state } = told_.states[name] as Story['states'][string];
    // Ours came back to us when there is none of the peer's: nothing that is for us.
    const frame = frameFor(told_, isCaller(name), type);
    const { phase } = state;
    const wanted = EXPECTED[name]?.[type] ?? `${phase} refused(${strange(name, type, frame, who)})`;
    expect(told(go(who, state, framed(frame)))).toBe(wanted);
  });

  test.each(cells)('$state: a $type that comes twice', async ({ state: name, type }) => {
    const scene = await story();
    const { who, state } = scene.states[name] as Story['states'][string];
    const frame = frameFor(scene, isCaller(name), type);
    const first = go(who, state, framed(frame));
    const second = go(who, first.state, framed(frame));
    // Nothing that was done is done again, and nothing breaks.
    expect(second.state.phase).toBe(first.state.phase);
    for (const { kind } of second.outputs) expect(kind).toBe('refused');
  });

  test.each(cells)('$state: a $type of somebody else changes nothing', async ({ state: name, type }) => {
    const scene = await story();
    const { who, state } = scene.states[name] as Story['states'][string];
    const frame = { ...frameFor(scene, isCaller(name), type), from: scene.mallory.party };
    const { state: after, outputs } = go(who, state, framed(frame));
    expect(after).toEqual(state);
    expect(outputs).toEqual([{ kind: 'refused', reason: expect.any(String), from: scene.mallory.party }]);
  });

  const known = cells.filter(({ state }) => !/dialling|closed/.test(state));
  test.each(known)(
    '$state: a $type of the same device under another identity changes nothing',
    async ({ state: name, type }) => {
      const scene = await story();
      const { who, state } = scene.states[name] as Story['states'][string];
      const received = frameFor(scene, isCaller(name), type);
      const from = { ...received.from, identity: scene.mallory.party.identity };
      const { state: after, outputs } = go(who, state, framed({ ...received, from }));
      expect(after).toEqual(state);
      // A late offer is answered: the call is elsewhere.
      const late = type === 'offer' && isCaller(name);
      expect(outputs.map(({ kind }) => kind)).toEqual([late ? 'publish' : 'refused']);
    },
  );

  test.each(cells)('$state: a $type for another call changes nothing', async ({ state: name, type }) => {
    const scene = await story();
    const { who, state } = scene.states[name] as Story['states'][string];
    const { frame, ...rest } = frameFor(scene, isCaller(name), type);
    const other = { ...rest, frame: { ...frame, call: new Uint8Array(16) } };
    expect(told(go(who, state, framed(other)))).toBe(`${state.phase} refused(not-the-peer)`);
  });

  test.each(cells)('$state: a $type of the peer that was tampered with', async ({ state: name, type }) => {
    const scene = await story();
    const { who, state } = scene.states[name] as Story['states'][string];
    const received = frameFor(scene, isCaller(name), type);
    for (const frame of tampered(received.frame)) {
      const { state: after, outputs } = go(who, state, framed({ ...received, frame }));
      const words = outputs.map(word);
      if ((name === 'dialling' && type === 'offer') || (name === 'offering' && type === 'answer')) {
        expect(words).toEqual(['publish', 'ended(failed, unverified by us)']);
        expect(after.phase).toBe('closed');
      } else if (name === 'dialling' && type === 'ice') {
        expect(words).toEqual([]);
      } else {
        expect(after).toEqual(state);
        expect(words).toEqual([expect.stringMatching(/^refused\((undecryptable|unexpected|not-the-peer)\)$/)]);
      }
    }
  });
});

function strange(name: string, type: FrameType, { from }: ReceivedFrame, who: Actor): string {
  const own = from === who.party;
  if (name.startsWith('closed') || type === 'dial' || type === 'answer') return 'unexpected';
  // One's own offer that comes back is by nobody one knows.
  return own && type === 'offer' && /connect/.test(name) ? 'not-the-peer' : 'unexpected';
}

/** The frame with each of its byte strings changed, one at a time. */
function tampered(frame: CallFrame): CallFrame[] {
  const fields = Object.entries(frame).filter(([name, value]) => value instanceof Uint8Array && name !== 'call');
  return fields.map(([name, value]) => {
    const changed = (value as Uint8Array).slice();
    changed[0] = (changed[0] as number) ^ 1;
    return { ...frame, [name]: changed };
  });
}

describe('times', () => {
  test.each([
    ['dialling', 90_000, 'closed publish ended(timeout by us)'],
    ['answering', 60_000, 'closed publish ended(timeout by us)'],
    ['connecting caller', 60_000, 'closed publish ended(timeout by us)'],
    ['ringing', 90_000, 'closed ended(timeout by us)'],
    ['offering', 60_000, 'closed publish ended(timeout by us)'],
    ['connecting callee', 60_000, 'closed publish ended(timeout by us)'],
  ])('%s ends after %i ms', async (name, life, wanted) => {
    const { who, state } = (await story()).states[name] as Story['states'][string];
    expect(told(go(who, state, { kind: 'tick', now: NOW + life - 1 }))).toBe(state.phase);
    expect(told(go(who, state, { kind: 'tick', now: NOW + life }))).toBe(wanted);
  });

  test.each(['connected caller', 'connected callee', 'closed caller'])('%s does not end by itself', async (name) => {
    const { who, state } = (await story()).states[name] as Story['states'][string];
    expect(told(go(who, state, { kind: 'tick', now: NOW + 1e9 }))).toBe(state.phase);
  });
});

test('both sides come to the same keys, and to no others', async () => {
  const scene = await story();
  const keys = (name: string, input: Parameters<typeof go>[2]) => {
    const { who, state } = scene.states[name] as Story['states'][string];
    const found = go(who, state, input).outputs.find((output) => output.kind === 'keys');
    return found?.kind === 'keys' ? found.keys : undefined;
  };
  const bobs = keys('offering', framed(scene.frames.answer as ReceivedFrame));
  const again = (await story()).frames.answer as ReceivedFrame;
  expect(bobs).toBeDefined();
  // The answer of another call is for another call, whatever its sender says.
  expect(keys('offering', framed(again))).toBeUndefined();
  expect(toHex(bobs?.['msg-a'] as Uint8Array)).not.toBe(toHex(bobs?.['msg-b'] as Uint8Array));
});

test('closing is told from every state, to whoever must know', async () => {
  const readers: Record<string, unknown> = {};
  for (const name of STATES) {
    const scene = await story();
    const { who, state } = scene.states[name] as Story['states'][string];
    who.sent.length = 0;
    const { outputs, state: after } = go(who, state, { kind: 'hangUp', reason: 'hangup' });
    expect(after.phase).toBe('closed');
    readers[name] = who.sent.map(({ to }) => ('signing' in to ? 'the peer' : 'all devices'));
    expect(outputs.map(word)).toEqual(name.startsWith('closed') ? [] : ['publish', 'ended(hangup by us)']);
  }
  const peer = ['the peer'];
  expect(readers).toEqual({
    ...{ dialling: ['all devices'], answering: peer, 'connecting caller': peer, 'connected caller': peer },
    ...{ ringing: peer, offering: peer, 'connecting callee': peer, 'connected callee': peer },
    ...{ 'closed caller': [], 'closed callee': [] },
  });
});

test('that the other side is gone ends a call that has keys of messages, without a word', async () => {
  for (const name of STATES) {
    const { who, state } = (await story()).states[name] as Story['states'][string];
    const ends = /connect/.test(name);
    expect(told(go(who, state, { kind: 'gone' }))).toBe(ends ? 'closed ended(hangup by them)' : state.phase);
  }
});

describe('several devices of the callee', () => {
  test('the first offer wins, the next device is told that the call is elsewhere', async () => {
    const { alice, bob, bobsLaptop, states, frames } = await story();
    const ringing = ring(bobsLaptop.party, frames.dial as never, NOW) as CallState;
    go(bobsLaptop, ringing, { kind: 'accept', sdp: 'offer', now: NOW });
    const late = lastSent(bobsLaptop, 'offer');
    for (const name of ['answering', 'connecting caller', 'connected caller']) {
      alice.sent.length = 0;
      const { state } = states[name] as Story['states'][string];
      const step = go(alice, state, framed(late));
      expect(step.state).toEqual(state);
      expect(alice.sent).toMatchObject([{ to: bobsLaptop.party, received: { frame: { reason: 'elsewhere' } } }]);
    }
    expect(bob.party.identity).toEqual(bobsLaptop.party.identity);
  });

  test('an offer that does not verify ends it for all', async () => {
    const { alice, states, frames } = await story();
    const { frame, ...rest } = frames.offer as ReceivedFrame;
    alice.sent.length = 0;
    const broken = { ...rest, frame: { ...frame, ct: new Uint8Array(40) } as CallFrame };
    go(alice, (states.dialling as Story['states'][string]).state, framed(broken));
    expect(alice.sent).toMatchObject([{ to: { address: 'bob' }, received: { frame: { reason: 'failed' } } }]);
    expect(alice.sent[0]?.to).not.toHaveProperty('signing');
  });

  const closing = ({ frames }: Story, { party }: Actor, reason: CloseReason) =>
    framed({
      ...frames['close-b'],
      from: party,
      frame: { type: 'close', call: frames.dial?.frame.call, reason },
    } as never);

  test('when one takes it, or declines, the others stop ringing', async () => {
    const scene = await story();
    const { alice, bob, states, frames } = scene;
    for (const input of [framed(frames.offer as ReceivedFrame), closing(scene, bob, 'declined')]) {
      alice.sent.length = 0;
      go(alice, (states.dialling as Story['states'][string]).state, input);
      expect(alice.sent[0]).toMatchObject({ to: { address: 'bob', except: bob.party.signing } });
    }
  });

  test.each(CLOSE_REASONS.filter((reason) => reason !== 'declined'))(
    'one that is not there (%s) leaves it to the others, and what they say counts',
    async (reason) => {
      const scene = await story();
      const { alice, bob, bobsLaptop, mallory, states, frames } = scene;
      const { state } = states.dialling as Story['states'][string];
      const step = go(alice, state, closing(scene, bobsLaptop, reason));
      expect(told(step)).toBe('dialling');
      // It has said no: nothing more of it is heard, however often it says so, and nobody else speaks for the other device.
      const newcomer = actor('bob', bob);
      for (const who of [bobsLaptop, newcomer, mallory]) {
        expect(told(go(alice, step.state, closing(scene, who, 'declined')))).toBe('dialling refused(not-the-peer)');
      }
      const offer = { ...(frames.offer as ReceivedFrame), from: newcomer.party };
      expect(told(go(alice, step.state, framed(offer)))).toBe('dialling refused(not-the-peer)');
      expect(told(go(alice, step.state, framed(frames.offer as ReceivedFrame)))).toBe('answering publish remote');
      expect(told(go(alice, step.state, closing(scene, bob, 'declined')))).toBe(
        'closed publish ended(declined by them)',
      );
      const last = reason === 'busy' ? 'busy' : 'failed';
      expect(told(go(alice, step.state, closing(scene, bob, 'failed')))).toBe(`closed ended(${last} by them)`);
      const [late, life] = reason === 'busy' ? ['busy', 30_000] : ['timeout', 90_000];
      const wanted = `closed publish ended(${late} by us)`;
      expect(told(go(alice, step.state, { kind: 'tick', now: NOW + life - 1 }))).toBe('dialling');
      expect(told(go(alice, step.state, { kind: 'tick', now: NOW + life }))).toBe(wanted);
    },
  );

  test('behind the first that is busy the time is set, and by no later one put off, nor beyond that of the dial', async () => {
    const scene = await story();
    const { alice, bobsLaptop, states } = scene;
    const bobsTablet = actor('bob', scene.bob);
    const { state } = states.dialling as Story['states'][string];
    const asked = [...(state as Dialling).asked, bobsTablet.party.signing];
    const busy = (from: CallState, who: Actor, after: number) =>
      go(alice, from, { ...closing(scene, who, 'busy'), now: NOW + after } as CallInput).state;
    const lasts = (from: CallState, until: number) => {
      expect(go(alice, from, { kind: 'tick', now: NOW + until - 1 }).state.phase).toBe('dialling');
      expect(go(alice, from, { kind: 'tick', now: NOW + until }).state.phase).toBe('closed');
    };
    const first = busy({ ...(state as Dialling), asked }, bobsLaptop, 10_000);
    lasts(first, 40_000);
    lasts(busy(first, bobsTablet, 30_000), 40_000);
    lasts(busy(state, bobsLaptop, 80_000), 90_000);
  });
});

describe('candidates', () => {
  test('that come before the offer wait for it, those of another device are forgotten', async () => {
    const { alice, bobsLaptop, states, frames } = await story();
    const early = frames['ice-b'] as ReceivedFrame;
    const stranger = { ...early, from: bobsLaptop.party };
    let { state } = states.dialling as Story['states'][string];
    for (const frame of [early, stranger]) state = go(alice, state, framed(frame)).state;
    expect(told(go(alice, state, framed(frames.offer as ReceivedFrame)))).toBe('answering publish remote candidate');
  });

  test('that come before the answer wait for it, in their order', async () => {
    const { alice, bob, states, frames } = await story();
    let caller = (states['connecting caller'] as Story['states'][string]).state;
    let { state } = states.offering as Story['states'][string];
    for (const n of [1, 2, 3]) {
      caller = go(alice, caller, { kind: 'candidate', round: 0, candidate: { candidate: `candidate:${n}` } }).state;
      const step = go(bob, state, framed(lastSent(alice, 'ice')));
      expect(step.outputs).toEqual([]);
      state = step.state;
    }
    const { outputs } = go(bob, state, framed(frames.answer as ReceivedFrame));
    expect(outputs.slice(2)).toEqual(
      [1, 2, 3].map((n) => ({ kind: 'candidate', round: 0, candidate: { candidate: `candidate:${n}` } })),
    );
  });

  test('are held in bounded numbers', async () => {
    const { alice, bob, states, frames } = await story();
    let { state } = states.dialling as Story['states'][string];
    for (let n = 0; n < 64; n++) state = go(alice, state, framed(frames['ice-b'] as ReceivedFrame)).state;
    const one = go(alice, state, framed(frames['ice-b'] as ReceivedFrame));
    expect(told(one)).toBe('dialling refused(too-many)');
    let caller = (states['connecting caller'] as Story['states'][string]).state;
    let waiting = (states.offering as Story['states'][string]).state;
    for (let n = 0; n < 65; n++) {
      caller = go(alice, caller, { kind: 'candidate', round: 0, candidate: CANDIDATE }).state;
      const step = go(bob, waiting, framed(lastSent(alice, 'ice')));
      waiting = step.state;
      expect(told(step)).toBe(n < 64 ? 'offering' : 'offering refused(too-many)');
    }
  });
});

test('a new way is described under the same keys; only the callee describes first', async () => {
  const { alice, bob, states } = await story();
  let a = (states['connected caller'] as Story['states'][string]).state;
  let b = (states['connected callee'] as Story['states'][string]).state;
  // Alice has lost the way and asks, Bob describes a new one, a candidate overtakes the description.
  a = go(alice, a, { kind: 'restart' }).state;
  expect(told(go(bob, b, framed(lastSent(alice, 'ice'))))).toBe('connected restart');
  b = go(bob, b, { kind: 'restart', sdp: 'second offer' }).state;
  const offer = lastSent(bob, 'ice');
  b = go(bob, b, { kind: 'candidate', round: 1, candidate: CANDIDATE }).state;
  const overtaking = go(alice, a, framed(lastSent(bob, 'ice')));
  expect(overtaking.outputs).toEqual([]);
  const described = go(alice, overtaking.state, framed(offer));
  expect(described.outputs).toEqual([
    { kind: 'remote', type: 'offer', round: 1, sdp: 'second offer' },
    { kind: 'candidate', round: 1, candidate: CANDIDATE },
  ]);
  const redescribed = go(alice, described.state, { kind: 'redescribe', round: 1, sdp: 'second answer' }).state;
  const answered = go(bob, b, framed(lastSent(alice, 'ice')));
  expect(answered.outputs).toEqual([{ kind: 'remote', type: 'answer', round: 1, sdp: 'second answer' }]);
  // Again, and by the wrong side: nothing.
  expect(told(go(alice, described.state, framed(offer)))).toBe('connected refused(replayed)');
  const phase: Phase = go(alice, redescribed, { kind: 'restart', sdp: 'mine' }).state.phase;
  expect(phase).toBe('connected');
  expect(told(go(bob, answered.state, framed(lastSent(alice, 'ice'))))).toBe('connected restart');
});

test('a dial that names another identity is not for us', async () => {
  const { bob, frames } = await story();
  const other = { ...bob.party, identity: new Uint8Array(32) };
  expect(ring(other, frames.dial as never, NOW)).toBeUndefined();
});
