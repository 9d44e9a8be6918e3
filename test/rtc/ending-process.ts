/** Takes a connection with a channel that is none of ours, hangs up, and has nothing more to do: run by `ending.test.ts`. */
import { PeerConnection } from 'node-datachannel';
import { nodeDataChannelRtc } from '../../src/adapters/rtc/node-datachannel.js';
import { LABELS } from '../../src/adapters/rtc/peer-connection.js';

const theirs = new PeerConnection('another program', { iceServers: [], disableAutoNegotiation: true });
theirs.onStateChange(() => {});
const refused = Promise.all(
  [...Object.values(LABELS), 'another']
    .map((label) => {
      const channel = theirs.createDataChannel(label);
      return new Promise<void>((resolve) => channel.onClosed(() => label === 'another' && resolve()));
    })
    .slice(-1),
);
const offer = new Promise<string>((resolve) => theirs.onLocalDescription((sdp) => resolve(sdp)));
theirs.setLocalDescription('offer');

// Ours may come before the answer, which the addon does not take.
let answered = (): void => {};
const answer = new Promise<void>((resolve) => {
  answered = resolve;
});

const ours = nodeDataChannelRtc().create({
  ...{ iceServers: [], policy: 'all' },
  handlers: {
    candidate: ({ candidate, mid = '0' }) =>
      void answer.then(() => candidate !== '' && theirs.addRemoteCandidate(candidate, mid)),
    state() {},
    message() {},
    drained() {},
  },
});
theirs.onLocalCandidate((candidate, mid) => ours.addCandidate({ candidate: candidate.replace(/^a=/, ''), mid }));
theirs.setRemoteDescription(await ours.answer(await offer), 'answer');
answered();
await refused;
await ours.close();
theirs.close();
process.stdout.write('closed\n');
