/** One process of the benchmark of calls: one end of a bare data channel or of a call. Does what its parent tells it. */
import { type Handler, obey, roleOf } from '../process.js';
import { bareEnd, calleeEnd, callerEnd, type Description, type End, type Servers } from './ends.js';

/** What a process is started for. */
export type Role =
  | { readonly kind: 'bare' }
  | ({ readonly kind: 'callee' } & Servers)
  | ({ readonly kind: 'caller' } & Servers);

/** What a running process is asked, and what it answers with. */
export interface CallOrders {
  /** A bare end: its offer, or its answer to another one's. */
  describe: { ask: { theirs?: Description }; answer: Description };
  /** A bare end: the answer to its offer. */
  accept: { ask: { theirs: Description }; answer: object };
  /** `count` messages of `size` bytes. */
  send: { ask: { count: number; size: number }; answer: object };
  /** Until `count` messages have come that were not waited for before. */
  await: { ask: { count: number }; answer: object };
}

/** Counts what comes. */
function arrivals() {
  let waiting = 0;
  let arrived = () => {};
  return {
    take() {
      if (++waiting === 0) arrived();
    },
    async await({ count }: { count: number }) {
      waiting -= count;
      if (waiting < 0) {
        await new Promise<void>((resolve) => {
          arrived = resolve;
        });
      }
      return {};
    },
  };
}

function sending(end: End) {
  return async ({ count, size }: { count: number; size: number }) => {
    await end.burst(new Uint8Array(size).fill(65), count);
    return {};
  };
}

const role = roleOf<Role>();
const { take, await: awaited } = arrivals();
const handler = await handlerOf(role);
obey<CallOrders>({ ...handler, await: awaited });

async function handlerOf(role: Role): Promise<Handler<CallOrders>> {
  if (role.kind !== 'bare') {
    const end = await (role.kind === 'caller' ? callerEnd(role) : calleeEnd(role, take));
    return { send: sending(end), close: () => end.close() };
  }
  const end = bareEnd(take);
  return {
    describe: ({ theirs }) => end.describe(theirs),
    async accept({ theirs }) {
      await end.accept(theirs);
      return {};
    },
    send: sending(end),
    close: () => end.close(),
  };
}
