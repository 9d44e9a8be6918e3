import { afterEach, expect, test } from 'vitest';
import { nodeDataChannelRtc } from '../../src/adapters/rtc/node-datachannel.js';
import {
  type DataChannel,
  mayBeTold,
  type PeerConnection,
  readCandidate,
  rtcConnection,
  triedCandidates,
  withCandidates,
} from '../../src/adapters/rtc/peer-connection.js';
import { weriftRtc } from '../../src/adapters/rtc/werift.js';
import type { RtcCandidate, RtcConnection, RtcHandlers, RtcState } from '../../src/ports/rtc.js';
import { until } from '../client/world.js';

const open: RtcConnection[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((connection) => connection.close()));
});

const candidate = (address: string, type = 'host') => `candidate:1 1 UDP 2122317823 ${address} 50000 typ ${type}`;

/** How somebody who wants to know an address calls their own. */
const LIES: Readonly<Record<string, (line: string) => string>> = {
  'a relay': (line) => line.replace(/ typ host.*/, ' typ relay raddr 0.0.0.0 rport 0'),
  'a relay, behind what it is': (line) => `${line} generation 0 typ relay`,
};

test.each(
  Object.keys(LIES).flatMap((lie) => [
    ['node-datachannel', lie],
    ['werift', lie],
  ]),
)('who wants relays only is not found over %s by a host that calls itself %s', async (stack, lie) => {
  const lying = LIES[lie] as (line: string) => string;
  const states: RtcState[] = [];
  const told: RtcCandidate[] = [];
  const handlers: RtcHandlers = {
    candidate() {},
    state: (state) => void states.push(state),
    message() {},
    drained() {},
  };
  const hidden = (stack === 'werift' ? weriftRtc() : nodeDataChannelRtc()).create({
    ...{ iceServers: [], policy: 'relay', handlers },
  });
  const curious = nodeDataChannelRtc().create({
    ...{ iceServers: [], policy: 'all', handlers: { ...handlers, candidate: (one) => void told.push(one) } },
  });
  open.push(hidden, curious);
  await curious.accept(await hidden.answer(await curious.offer()));
  await until(() => (told.some(({ candidate }) => candidate === '') ? true : undefined));
  for (const one of told) hidden.addCandidate({ ...one, candidate: lying(one.candidate) });
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(states).not.toContain('connected');
});

/** A connection over node-datachannel, and what it has told. */
function line() {
  const [told, states]: [RtcCandidate[], RtcState[]] = [[], []];
  const connection = nodeDataChannelRtc().create({
    ...{ iceServers: [], policy: 'all' },
    handlers: {
      candidate: (one) => void told.push(one),
      state: (state) => void states.push(state),
      message() {},
      drained() {},
    },
  });
  open.push(connection);
  const gathered = () => until(() => (told.some(({ candidate }) => candidate === '') ? true : undefined));
  const connected = () => until(() => (states.includes('connected') ? true : undefined));
  return { connection, told, gathered, connected };
}

test('over node-datachannel nobody knocks before the answer is known, which its DTLS could overtake', async () => {
  const [a, b] = [line(), line()];
  const answer = await b.connection.answer(await a.connection.offer());
  await b.gathered();
  expect(a.told).toEqual([]);
  const accepted = a.connection.accept(answer);
  await a.gathered();
  await accepted;
  expect(a.told.length).toBeGreaterThan(1);
  for (const one of b.told) a.connection.addCandidate(one);
  await Promise.all([a.connected(), b.connected()]);
});

test('an answer may bring all of its candidates', async () => {
  const [a, b] = [line(), line()];
  const answer = await b.connection.answer(await a.connection.offer());
  await b.gathered();
  const lines = b.told.flatMap(({ candidate }) => (candidate === '' ? ['a=end-of-candidates'] : [`a=${candidate}`]));
  await a.connection.accept([answer.trimEnd(), ...lines, ''].join('\r\n'));
  await Promise.all([a.connected(), b.connected()]);
});

test('of names only a few of the local network are tried', () => {
  const isTried = triedCandidates();
  for (const address of ['192.0.2.1', '2001:db8::1', '::ffff:192.0.2.1', '0c6f-41aa.local']) {
    expect([address, isTried(candidate(address))]).toEqual([address, true]);
  }
  for (const address of ['evil.example', 'localhost', 'a.evil.local', '192.0.2', '192.0.2.1.evil.example', '']) {
    expect([address, isTried(candidate(address))]).toEqual([address, false]);
  }
  const names = Array.from({ length: 1_000 }, (_, i) => candidate(`n${i}.local`));
  expect(names.filter(isTried)).toHaveLength(15);
});

test('a candidate is what stands in its place, on whatever lines', () => {
  expect(mayBeTold('relay', candidate('192.0.2.1', 'relay raddr 0.0.0.0 rport 0'))).toBe(true);
  expect(mayBeTold('relay', candidate('192.0.2.1', 'host generation 0 typ relay'))).toBe(false);
  for (const end of ['\n', '\r', '\r\n']) {
    const sdp = ['v=0', `a=${candidate('192.0.2.1')}`, 's=-', ''].join(end);
    expect(withCandidates(sdp, () => false)).toBe('v=0\r\ns=-\r\n');
  }
});

/** A stack whose descriptions have candidates in them, as those of some do that have gathered before. */
function gathered(lines: readonly string[]): PeerConnection<DataChannel> {
  const sdp = ['v=0', 'm=application 9 UDP/DTLS/SCTP webrtc-datachannel', 'a=fingerprint:sha-256 00', ...lines, ''];
  const channel = (label: string): DataChannel => {
    return { label, bufferedAmount: 0, bufferedAmountLowThreshold: 0, readyState: 'connecting', close() {} };
  };
  const described = async () => sdp.join('\r\n');
  return {
    ...{ createChannel: channel, createOffer: described, createAnswer: described },
    async setRemote() {},
    async addCandidate() {},
    onState() {},
    onCandidate() {},
    onChannel() {},
    send() {},
    listen() {},
    pair: async () => [],
    maxMessageBytes: () => 65_536,
    close() {},
  };
}

test.each([
  ['relay', ['relay']],
  ['all', ['host', 'srflx', 'relay']],
] as const)(
  'a description tells candidates by the policy, %s, whatever the stack has put there',
  async (policy, types) => {
    const lines = (['host', 'srflx', 'relay'] as const).map((type) => `a=${candidate('192.0.2.1', type)}`);
    const handlers: RtcHandlers = { candidate() {}, state() {}, message() {}, drained() {} };
    const connection = rtcConnection(gathered(lines), { handlers, policy });
    open.push(connection);
    const offer = await connection.offer();
    for (const sdp of [offer, await connection.answer(offer)]) {
      const told = sdp.split('\r\n').filter((line) => line.startsWith('a=candidate'));
      expect(told.map((line) => readCandidate(line).type)).toEqual(types);
      expect(sdp).toContain('a=fingerprint:sha-256 00');
    }
  },
);
