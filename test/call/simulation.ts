import { equal } from '../../src/bytes/bytes.js';
import { decodeCbor, encodeCbor } from '../../src/bytes/cbor.js';
import type { Call } from '../../src/client/call/call.js';
import type { CallPort } from '../../src/client/call/port.js';
import { callSettings } from '../../src/client/call/settings.js';
import { Switchboard } from '../../src/client/call/switchboard.js';
import { nativeProvider } from '../../src/crypto/native.js';
import { step } from '../../src/crypto/steps.js';
import type { Rtc } from '../../src/ports/rtc.js';
import { decodeCallFrame, encodeCallFrame } from '../../src/protocol/call/frame.js';
import type { Party } from '../../src/protocol/call/keys.js';
import { type Random, seededRandom } from '../../src/testing/seeded.js';
import { virtualTime } from '../../src/testing/virtual-time.js';
import { simulatedRtc } from './simulated-rtc.js';

const native = nativeProvider();

/** What stands for a signed message here. */
type Signed = [
  address: string,
  identity: Uint8Array,
  signing: Uint8Array,
  issuedAt: number,
  id: Uint8Array,
  payload: Uint8Array,
];

/** How long the weather is bad, and everything afterwards, in milliseconds. */
const TROUBLE = 100_000;
const SETTLING = 400_000;

/** A device of somebody, with its switchboard. Frames are signed by nobody here: the network is trusted to say who speaks. */
interface Device {
  readonly party: Party;
  readonly name: string;
  readonly board: Switchboard;
  readonly calls: Call[];
  readonly failures: string[];
  /** What was heard in each call, by its id. */
  readonly heard: Map<string, (string | undefined)[]>;
}

/** What everybody says in each call. */
const WORDS = Array.from({ length: 12 }, (_, i) => `word ${i}`);
const PAUSE = 5_000;

/**
 * Two people with one or two devices each, who call one another at about the same time, take, decline or ignore what rings, and
 * give up, over a network that loses, doubles and reorders; with WebRTC, whose connections fail and break, or without.
 *
 * @returns what is wrong in the end; empty when there is one call, on two devices that have heard all that the other one said, or none
 */
export async function simulateCalls(seed: number): Promise<{ problems: string[]; calls: number; direct: number }> {
  const random = seededRandom(seed);
  const time = virtualTime();
  const devices: Device[] = [];
  const problems: string[] = [];
  const weather = { loss: random.pick([0, 0, 0.05]), doubling: 0.1, slowest: random.pick([50, 500, 4_000]) };
  const rtc = simulatedRtc(random, { unreachable: 0.2, broken: 0.3, slowest: weather.slowest / 5 });

  const publish = async (address: string, bytes: Uint8Array): Promise<void> => {
    for (const { party, board } of devices) {
      if (party.address !== address) continue;
      const bad = time.elapsed < TROUBLE;
      if (bad && random.chance(weather.loss)) continue;
      const copies = bad && random.chance(weather.doubling) ? 2 : 1;
      for (let i = 0; i < copies; i++) setTimeout(() => board.take(bytes), 1 + random.next(weather.slowest));
    }
  };
  const join = (address: string, like?: Device) => {
    const name = `${address}${devices.filter(({ party }) => party.address === address).length + 1}`;
    const party = { address, identity: like?.party.identity ?? random.bytes(32), signing: random.bytes(32) };
    devices.push(deviceOf(name, party, { random, devices, publish, problems, rtc }));
    return devices.at(-1) as Device;
  };

  try {
    const [alice, bob] = [join('alice'), join('bob')];
    if (random.chance(0.5)) join('alice', alice);
    if (random.chance(0.5)) join('bob', bob);
    const callers = random.pick([[alice], [bob], [alice, bob], [alice, bob], devices]);
    const calling = callers.map(async (device) => {
      await new Promise((resolve) => setTimeout(resolve, 1 + random.next(1_500)));
      const abort = new AbortController();
      if (random.chance(0.1)) setTimeout(() => abort.abort(), random.next(5_000));
      const to = device.party.address === 'alice' ? 'bob' : 'alice';
      await device.board.call(to, abort.signal).then(
        (call) => talk(device, call),
        (error) => device.failures.push(String(error.code ?? error)),
      );
    });
    let done = false;
    void Promise.all(calling).then(() => {
      done = true;
    });
    await time.pass(SETTLING);
    if (!done) problems.push('somebody still waits for a call to begin');
    const direct = devices.filter(({ calls }) => calls.some(({ path }) => path === 'direct')).length / 2;
    return { problems: [...problems, ...judge(devices)], calls: liveCalls(devices).size, direct };
  } finally {
    for (const { board } of devices) await board.close();
    for (const { name, board } of devices) if (board.size > 0) problems.push(`${name} has not let go`);
    time.end();
  }
}

/** Says all words, and listens. */
function talk({ calls, heard }: Device, call: Call): void {
  if (calls.some(({ id }) => id === call.id)) return;
  calls.push(call);
  const words: (string | undefined)[] = [];
  heard.set(call.id, words);
  void (async () => {
    for await (const { text } of call.messages()) words.push(text);
  })();
  void (async () => {
    for (const word of WORDS) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
      await call.send(word);
    }
  })().catch(() => {});
}

interface World {
  readonly random: Random;
  readonly rtc: Rtc;
  readonly devices: readonly Device[];
  readonly problems: string[];
  publish(address: string, bytes: Uint8Array): Promise<void>;
}

function deviceOf(name: string, party: Party, { random, devices, publish, problems, rtc }: World): Device {
  const now = () => Date.now();
  const port: CallPort = {
    ...{ provider: native, address: party.address, now, publish, tell: publish, heard: () => {} },
    *handshake() {
      return {
        provider: native,
        self: party,
        *seal(frame, { address, signing, except }) {
          const readers = devices
            .map((device) => device.party)
            .filter((reader) => reader.address === address)
            .filter((reader) => !signing || equal(reader.signing, signing))
            .filter((reader) => !except || !equal(reader.signing, except));
          if (readers.length === 0) return undefined;
          const said = [party.address, party.identity, party.signing, Math.floor(now() / 1000), random.bytes(16)];
          const signed = encodeCbor([...said, encodeCallFrame(frame)]);
          const bytes = encodeCbor([readers.map((reader) => reader.signing), signed]);
          return { bytes, hash: yield* step(native.sha256(signed)), readers: readers.map(({ signing }) => signing) };
        },
      };
    },
    async reach(address) {
      const found = devices.find((device) => device.party.address === address) as Device;
      return { address, identity: found.party.identity };
    },
    standing: () => 'stranger',
    async open(bytes) {
      const [readers, signed] = decodeCbor(bytes) as [Uint8Array[], Uint8Array];
      if (!readers.some((reader) => equal(reader, party.signing))) return undefined;
      const [address, identity, signing, issuedAt, id, payload] = decodeCbor(signed) as Signed;
      const hash = await native.sha256(signed);
      const from = { address, identity, signing };
      return { frame: decodeCallFrame(payload), from, hash, id, issuedAt, sealed: bytes };
    },
  };
  const board: Switchboard = new Switchboard(port, callSettings({ rtc: random.chance(0.7) ? rtc : false }), {
    async ring(incoming) {
      const dice = random.next(10);
      if (dice === 9) return false;
      setTimeout(() => {
        if (dice < 7) {
          incoming.accept().then(
            (call) => talk(device, call),
            (error) => device.failures.push(String(error.code ?? error)),
          );
        } else if (dice < 8) void incoming.decline();
      }, random.next(3_000));
      return true;
    },
    rejected: () => {},
    warn: (error) => problems.push(`${name}: ${error.code} ${error.message}`),
  });
  const device: Device = { name, party, board, calls: [], failures: [], heard: new Map() };
  return device;
}

/** Which devices are in which call. */
function liveCalls(devices: readonly Device[]): Map<string, string[]> {
  const live = new Map<string, string[]>();
  for (const { name, calls } of devices) {
    const names = new Set(calls.filter(({ path }) => path !== undefined).map(({ id }) => id));
    for (const id of names) live.set(id, [...(live.get(id) ?? []), name]);
  }
  return live;
}

function judge(devices: readonly Device[]): string[] {
  const problems: string[] = [];
  const live = liveCalls(devices);
  for (const [id, names] of live) {
    const sides = new Set(names.map((name) => name.slice(0, -1)));
    if (names.length !== 2 || sides.size !== 2) problems.push(`call ${id.slice(0, 8)} is on ${names.join(', ')}`);
  }
  for (const { name, heard } of devices) {
    for (const [id, words] of heard)
      if (live.has(id) && words.join() !== WORDS.join())
        problems.push(`${name} heard ${words.length} words in call ${id.slice(0, 8)}`);
  }
  const open = devices.filter(({ board }) => board.size > 0).map(({ name }) => name);
  const talking = [...live.values()].flat();
  for (const name of open) if (!talking.includes(name)) problems.push(`${name} hangs in the middle of something`);
  return problems;
}
