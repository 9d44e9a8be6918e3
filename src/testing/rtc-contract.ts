import { equal } from '../bytes/bytes.js';
import { isSealMQError } from '../errors.js';
import type { IcePolicy, Rtc, RtcCandidate, RtcChannel, RtcConnection, RtcState } from '../ports/rtc.js';
import type { TestFunctions } from './store-contract.js';

/** The stacks under test: each side of every connection. The same twice, or two that must understand each other. */
export interface RtcSubject {
  readonly left: Rtc;
  readonly right: Rtc;
}

/** One end of a connection, and what came of it. */
interface End {
  readonly connection: RtcConnection;
  readonly states: RtcState[];
  readonly candidates: RtcCandidate[];
  readonly received: { readonly channel: RtcChannel; readonly bytes: Uint8Array }[];
  /** Resolves when `condition` holds; looked at after everything that is handed in. */
  until(condition: () => boolean): Promise<void>;
  /** Where its candidates go. */
  onCandidate: (candidate: RtcCandidate) => void;
  drained: number;
}

/**
 * The contract of the port {@link Rtc} as tests, over the loopback interface; see `transportContract` for how to run it.
 *
 * @param name - of the implementation, or of both
 */
export function rtcContract(name: string, { left, right }: RtcSubject, tests: TestFunctions): void {
  const { describe, it, deepEqual } = tests;
  const clause = (title: string, body: (a: End, b: End) => Promise<void>, policy?: IcePolicy): void =>
    it(title, async () => {
      const [a, b] = [endOf(left, policy), endOf(right, policy)];
      try {
        await body(a, b);
      } finally {
        await Promise.all([a.connection.close(), b.connection.close()]);
      }
    });

  describe(`${name} keeps the contract of WebRTC`, () => {
    clause('connects, and opens both channels', async (a, b) => {
      await connect(a, b);
      deepEqual([a.states.at(-1), b.states.at(-1)], ['connected', 'connected']);
      deepEqual([await a.connection.path(), await b.connection.path()], ['direct', 'direct']);
      deepEqual(Math.min(a.connection.maxMessageBytes, b.connection.maxMessageBytes) >= 65_536, true);
    });

    clause('carries messages whole, each on its channel, in order on the ordered one', async (a, b) => {
      await connect(a, b);
      const sizes = [1, 1_000, 16_384, 65_536];
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const) {
        for (const channel of ['ordered', 'unordered'] as const) {
          for (const size of sizes) from.connection.send(channel, new Uint8Array(size).fill(size % 251));
        }
        await to.until(() => to.received.length === 2 * sizes.length);
        const on = (wanted: RtcChannel) =>
          to.received.filter(({ channel }) => channel === wanted).map(({ bytes }) => bytes);
        deepEqual(
          on('ordered').map((bytes) => bytes.length),
          sizes,
        );
        deepEqual(
          on('unordered')
            .map((bytes) => bytes.length)
            .sort((x, y) => x - y),
          sizes,
        );
        deepEqual(
          on('ordered').every((bytes) => equal(bytes, new Uint8Array(bytes.length).fill(bytes.length % 251))),
          true,
        );
      }
    });

    clause('sends what was there when it was told to, whatever becomes of that memory', async (a, b) => {
      await connect(a, b);
      const count = 40;
      const bytes = new Uint8Array(16_384);
      for (let i = 1; i <= count; i++) a.connection.send('ordered', bytes.fill(i));
      bytes.fill(0);
      await b.until(() => b.received.length === count);
      deepEqual(
        b.received.every((message, i) => equal(message.bytes, new Uint8Array(bytes.length).fill(i + 1))),
        true,
      );
    });

    clause('says what waits, and when the greater part is out', async (a, b) => {
      await connect(a, b);
      let sent = 0;
      while (a.connection.buffered('ordered') <= 512 * 1024 && sent < 512) {
        a.connection.send('ordered', new Uint8Array(16_384));
        sent++;
      }
      if (sent < 512) await a.until(() => a.drained > 0);
      await b.until(() => b.received.length === sent);
      deepEqual(a.connection.buffered('ordered') <= 512 * 1024, true);
    });

    clause('passes over candidates that are none', async (a, b) => {
      await connect(a, b, (candidates) => [
        { candidate: 'candidate:nonsense', mid: '0' },
        { candidate: '', mid: '0' },
        ...candidates,
      ]);
      deepEqual(a.states.at(-1), 'connected');
    });

    clause('does not connect to a certificate that was not announced', async (a, b) => {
      const offer = await a.connection.offer();
      const forged = offer.replace(
        /(a=fingerprint:\S+ )(..)/i,
        (_, start, byte) => start + (byte === '00' ? '11' : '00'),
      );
      deepEqual(forged === offer, false);
      const answer = await b.connection.answer(forged);
      await a.connection.accept(answer);
      exchange(a, b);
      await b.until(() => b.states.some((state) => state === 'failed' || state === 'closed'));
      deepEqual(b.states.includes('connected'), false);
    });

    clause('refuses a description that is none', async (a) => {
      deepEqual(await codeOf(() => a.connection.answer('nonsense')), 'DECODE_RTC');
    });

    clause('refuses a description that announces no certificate', async (a, b) => {
      const bare = (await a.connection.offer()).replace(/^a=fingerprint:.*\r?\n/gim, '');
      deepEqual(await codeOf(() => b.connection.answer(bare)), 'DECODE_RTC');
    });

    clause('sends nothing before it is connected, nor after it was closed', async (a, b) => {
      const code = () => codeOf(async () => a.connection.send('ordered', Uint8Array.of(1)));
      deepEqual(await code(), 'TRANSPORT_CLOSED');
      await connect(a, b);
      await a.connection.close();
      await a.connection.close();
      deepEqual(await code(), 'TRANSPORT_CLOSED');
    });

    clause('hands in nothing any more once it is closed', async (a, b) => {
      await connect(a, b);
      const before = a.states.length;
      b.connection.send('ordered', Uint8Array.of(1));
      await a.connection.close();
      const heard = a.received.length;
      await b.connection.close();
      await new Promise((resolve) => setTimeout(resolve, 50));
      deepEqual([a.states.length, a.received.length], [before, heard]);
    });

    clause('leaves nobody waiting for it once it is closed', async (a, b) => {
      const answer = await b.connection.answer(await a.connection.offer());
      const accepted = codeOf(() => a.connection.accept(answer));
      await a.connection.close();
      deepEqual(['nothing', 'DECODE_RTC'].includes(await accepted), true);
    });

    clause(
      'offers no address of its own where only relays may be used',
      async (a, b) => {
        const offer = await a.connection.offer();
        const answer = await b.connection.answer(offer);
        await a.connection.accept(answer);
        await new Promise((resolve) => setTimeout(resolve, 300));
        const candidates = [...a.candidates, ...b.candidates].map(({ candidate }) => candidate);
        const addresses = [offer, answer, ...candidates].join('\n');
        deepEqual(/typ (host|srflx|prflx)/.test(addresses), false);
      },
      'relay',
    );
  });
}

function endOf(rtc: Rtc, policy: IcePolicy = 'all'): End {
  const waiting = new Set<() => void>();
  const look = () => {
    for (const check of waiting) check();
  };
  const end: Omit<End, 'connection'> = {
    ...{ states: [], candidates: [], received: [], drained: 0, onCandidate: () => {} },
    until: (condition) =>
      new Promise((resolve) => {
        const check = () => {
          if (!condition()) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
      }),
  };
  const connection = rtc.create({
    iceServers: [],
    policy,
    handlers: {
      candidate(candidate) {
        end.candidates.push(candidate);
        end.onCandidate(candidate);
      },
      state(state) {
        end.states.push(state);
        look();
      },
      message(channel, bytes) {
        end.received.push({ channel, bytes });
        look();
      },
      drained() {
        end.drained++;
        look();
      },
    },
  });
  return Object.assign(end, { connection });
}

/** Gives each the candidates of the other, those that were found before included. */
function exchange(a: End, b: End, altered = (candidates: readonly RtcCandidate[]) => candidates): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    for (const candidate of altered(from.candidates)) to.connection.addCandidate(candidate);
    from.onCandidate = (candidate) => to.connection.addCandidate(candidate);
  }
}

async function connect(a: End, b: End, altered?: (candidates: readonly RtcCandidate[]) => readonly RtcCandidate[]) {
  const answer = await b.connection.answer(await a.connection.offer());
  await a.connection.accept(answer);
  exchange(a, b, altered);
  await Promise.all([a, b].map((end) => end.until(() => end.states.includes('connected'))));
}

async function codeOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return 'nothing';
  } catch (error) {
    return isSealMQError(error) ? error.code : String(error);
  }
}
