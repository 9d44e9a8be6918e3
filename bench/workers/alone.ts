/** A process that seals or opens by itself, as often as it is told: what two of them do together is the most that a pool could. */
import { opened, sealed } from '../fixture.js';

export interface Order {
  readonly verb: keyof typeof verbs;
  readonly count: number;
}

const payload = new Uint8Array(1024).fill(65);
const message = sealed(payload);
const verbs = { seal: () => sealed(payload), open: () => opened(message) };

process.on('message', ({ verb, count }: Order) => {
  for (let i = 0; i < count; i++) verbs[verb]();
  process.send?.('done');
});
