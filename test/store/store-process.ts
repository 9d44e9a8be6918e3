/** Runs in a process of its own: see child.ts. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { openLevelStore } from '../../src/adapters/store/level-store.js';
import { isSealMQError } from '../../src/errors.js';
import type { Store } from '../../src/ports/store.js';

const [task = '', folder = ''] = process.argv.slice(2);
const store = await openLevelStore(folder);

const tasks: Record<string, (store: Store) => Promise<void>> = {
  /** Holds the lock until it is killed. */
  async hold() {
    console.log('open');
    await new Promise((resolve) => setTimeout(resolve, 60_000));
  },

  /** Writes pairs for ever and says which are acknowledged. */
  async pairs() {
    for (let i = 0; ; i++) {
      const value = randomBytes(500);
      await store.batch([
        { type: 'put', key: `left/${i}`, value },
        { type: 'put', key: `right/${i}`, value },
      ]);
      console.log(i);
    }
  },

  /** Writes until a file cannot grow, then may grow again, tries once more and says what happened. */
  async fill() {
    let acknowledged = 0;
    const write = () => store.batch([{ type: 'put', key: `full/${acknowledged}`, value: randomBytes(3000) }]);
    const outcome = async () => {
      try {
        while (true) {
          await write();
          acknowledged++;
          if (acknowledged > 5000) return 'never failed';
        }
      } catch (error) {
        return isSealMQError(error) ? `${error.code} ${error.cause !== undefined}` : String(error);
      }
    };
    const first = await outcome();
    execFileSync('prlimit', ['--pid', String(process.pid), '--fsize=unlimited']);
    console.log(JSON.stringify([acknowledged, first, await outcome()]));
    await new Promise((resolve) => setTimeout(resolve, 60_000));
  },
};

await tasks[task]?.(store);
