import { Simulation } from './simulation.js';

const MEMBERS = 32;
const TIMING = { heartbeat: 3_000, silentAfter: 10_000, goneAfter: 25_000 };
const SETTLING = 120_000;

/**
 * A storm in one room: for a while 32 devices join, leave, crash, restart and send at random, while 5 % of the control
 * messages are lost, 5 % doubled and 5 % late. Then it is quiet.
 *
 * @param milliseconds - how long it lasts
 * @returns what is wrong afterwards; empty when the room converged and no frame is silently missing
 */
export async function storm(seed: number, milliseconds = 6_000): Promise<string[]> {
  const simulation = new Simulation(seed);
  const { random, time } = simulation;
  const names = Array.from({ length: MEMBERS }, (_, i) => `member${i}`);
  try {
    simulation.weather = { trouble: 0.05 };
    let sent = 0;
    for (const end = time.elapsed + milliseconds; time.elapsed < end; ) {
      await time.pass(1 + random.next(150));
      const { alive } = simulation;
      const one = alive.length > 0 ? random.pick(alive) : undefined;
      const dice = random.next(100);
      if (dice < 30) {
        const free = names.filter((name) => !alive.some((other) => other.name === name));
        if (free.length > 0) void simulation.join(random.pick(free), { admit: names, timing: TIMING });
      } else if (dice < 35) void one?.leave();
      else if (dice < 40) one?.crash();
      else if (one) simulation.send(one, `frame ${sent++}`).catch(() => {});
    }
    const converged = await simulation.settle(SETTLING);
    // Frames that wait for a key are opened or given up within ten seconds.
    await time.pass(12_000);
    const problems = simulation.silentlyMissing().map((line) => `silently missing: ${line}`);
    if (!converged) problems.unshift('not converged');
    if (sent === 0 || simulation.all.length < 16) problems.push('not much of a storm');
    return problems;
  } finally {
    simulation.end();
  }
}

/**
 * A broker that stands still for ten seconds in a room of many, who then get all their heartbeats at once.
 *
 * @returns what followed from it; empty when nobody was taken for gone, and nobody changed a key or spoke for it
 */
export async function stall(members: number): Promise<string[]> {
  const simulation = new Simulation(members);
  const { time, counts } = simulation;
  const names = Array.from({ length: members }, (_, i) => `member${i}`);
  const events: string[] = [];
  try {
    for (const name of names) {
      const { session } = await simulation.join(name, { admit: names });
      session.events.on('left', ({ address, reason }) => events.push(`${address} ${reason}`));
      session.events.on('rekeyed', ({ reason }) => reason !== 'newcomer' && events.push(`rekeyed: ${reason}`));
      await time.pass(20);
    }
    if (!(await simulation.settle(SETTLING))) events.push('not converged');
    await time.pass(5_000);
    const before = counts.message + counts.statement;
    simulation.stalled = true;
    await time.pass(10_000);
    simulation.stalled = false;
    await time.pass(10_000);
    const after = counts.message + counts.statement - before;
    if (after > 0) events.push(`${after} messages because of it`);
    return events;
  } finally {
    simulation.end();
  }
}
