/** One process of the delivery benchmark: the servers, a receiver or a sender. Does what its parent tells it. */
import { createBroker, createKeyProvider } from 'sealmq/server';
import { type Handler, obey, roleOf } from '../process.js';
import { type ContenderName, contenders, type Line } from './contenders.js';

/** What a process is started for. */
export type Role =
  | { readonly kind: 'servers' }
  | { readonly kind: 'receive'; readonly contender: ContenderName; readonly line: Line }
  | { readonly kind: 'send'; readonly contender: ContenderName; readonly line: Line; readonly name: string };

/** What a running process is asked, and what it answers with. Times are milliseconds since 1970. */
export interface DeliveryOrders {
  /** A receiver: until `count` messages have come from now on. */
  await: { ask: { count: number }; answer: { last: number; latencies: number[] } };
  /** A sender: `count` messages of `size` bytes, one every `pace` milliseconds or as fast as it goes. */
  send: { ask: { count: number; size: number; pace?: number }; answer: { first: number } };
}

/** Bytes of a payload that say when it was sent. */
const STAMP_BYTES = 8;

const now = () => performance.timeOrigin + performance.now();

async function servers(): Promise<void> {
  const broker = await createBroker();
  const directory = await createKeyProvider({ limits: { reads: false, writes: false } });
  const close = async () => {
    await broker.close();
    await directory.close();
  };
  obey<DeliveryOrders>({ close }, { mqtt: broker.mqttUrl as string, http: directory.url });
}

async function receiver({ contender, line }: Extract<Role, { kind: 'receive' }>) {
  let latencies: number[] = [];
  let arrived = () => {};
  const end = await contenders[contender].receive(line, (payload) => {
    const sentAt = new DataView(payload.buffer, payload.byteOffset, STAMP_BYTES).getFloat64(0);
    latencies.push(now() - sentAt);
    arrived();
  });
  const handler: Handler<DeliveryOrders> = {
    async await({ count }) {
      await new Promise<void>((resolve) => {
        arrived = () => latencies.length >= count && resolve();
        arrived();
      });
      const answer = { last: now(), latencies };
      latencies = [];
      return answer;
    },
    close: () => end.close(),
  };
  obey(handler);
}

async function sender({ contender, line, name }: Extract<Role, { kind: 'send' }>) {
  const end = await contenders[contender].sender(line, name);
  function* payloads(count: number, size: number) {
    for (let i = 0; i < count; i++) {
      const payload = new Uint8Array(size).fill(65);
      new DataView(payload.buffer).setFloat64(0, now());
      yield payload;
    }
  }
  const handler: Handler<DeliveryOrders> = {
    async send({ count, size, pace }) {
      const first = now();
      if (pace === undefined) await end.burst(payloads(count, size));
      else {
        for (let i = 0; i < count; i++) {
          await end.burst(payloads(1, size));
          await new Promise((resolve) => setTimeout(resolve, pace));
        }
      }
      return { first };
    },
    close: () => end.close(),
  };
  obey(handler);
}

const role = roleOf<Role>();
if (role.kind === 'servers') await servers();
else await (role.kind === 'receive' ? receiver(role) : sender(role));
