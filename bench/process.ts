/** Benchmarks in processes of their own: the parent gives orders, one at a time, and the child carries them out. */
import { fork } from 'node:child_process';
import { once } from 'node:events';

/** What a child is asked, and what it answers with, by the names of the orders. */
export type Orders<All> = { readonly [Name in keyof All]: { readonly ask: object; readonly answer: object } };

/** What every child is asked. */
interface Always {
  /** Processor time that the process has used so far, in microseconds, all its threads together. */
  cpu: { ask: object; answer: { micros: number } };
  close: { ask: object; answer: object };
}

/** A child as its parent sees it. */
export interface Process<All extends Orders<All>> {
  /** What it said when it was ready. */
  readonly hello: Record<string, string>;
  ask<Name extends keyof (All & Always)>(
    order: Name,
    ask: (All & Always)[Name]['ask'],
  ): Promise<(All & Always)[Name]['answer']>;
}

/** Starts `module` in a process of its own, which is told its role. */
export async function start<All extends Orders<All>>(module: URL, role: object): Promise<Process<All>> {
  const child = fork(module, [JSON.stringify(role)]);
  const [hello] = await once(child, 'message');
  return {
    hello,
    async ask(order, ask) {
      const answer = once(child, 'message');
      child.send({ order, ask });
      return (await answer)[0];
    },
  };
}

/** What this process was started for. */
export function roleOf<Role>(): Role {
  return JSON.parse(process.argv[2] ?? '{}') as Role;
}

/** What a child does when it is asked: for each role some of the orders. */
export type Handler<All extends Orders<All>> = {
  [Name in keyof All]?: (ask: All[Name]['ask']) => Promise<All[Name]['answer']>;
} & { close(): Promise<unknown> };

/** Says that this process is ready, and does what it is asked until it is to close. */
export function obey<All extends Orders<All>>(handler: Handler<All>, hello: Record<string, string> = {}): void {
  const cpu = async () => {
    const { user, system } = process.cpuUsage();
    return { micros: user + system };
  };
  const close = async () => {
    await handler.close();
    return {};
  };
  const orders: Record<string, ((ask: never) => Promise<object>) | undefined> = { ...handler, cpu, close };
  process.on('message', async ({ order, ask }: { order: string; ask: never }) => {
    const answer = await orders[order]?.(ask);
    process.send?.(answer ?? {}, () => order === 'close' && process.exit(0));
  });
  process.send?.(hello);
}
