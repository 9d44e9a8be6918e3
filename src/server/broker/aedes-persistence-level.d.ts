/** The package ships no types; this is what the broker uses of it. */
declare module 'aedes-persistence-level' {
  import type { Persistence } from './at-least-once.js';
  import type { QueueDatabase } from './ordered-level.js';

  /** Keeps sessions, queues, retained messages and wills of an aedes broker in a LevelDB. */
  export default function persistence(database: QueueDatabase): Persistence;
}
