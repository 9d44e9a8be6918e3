import { createInterface } from 'node:readline';
import { nodeDataChannelRtc } from '../../src/adapters/rtc/node-datachannel.js';
import type { Call } from '../../src/client/call/call.js';
import { Messenger } from '../../src/client/messenger.js';
import type { Rtc } from '../../src/ports/rtc.js';
import { readTask } from './task.js';

/** In which state of a call this process kills itself, if in any: `answering`, or `connecting`. */
const mortalIn = process.argv[3];

// Over MQTT nobody dies in these states, however slow the machine is.
const fallbackAfter = 30_000;

// Is called and calls, and does what it is told on its standard input: `call`, or `accept`.
const { options, to } = readTask();
const say = (line: string) => process.stdout.write(`${line}\n`);
const messenger = await Messenger.open({
  ...options,
  calls: { rtc: mortal(nodeDataChannelRtc()), fallbackAfter },
  connect: 'wait',
});
await messenger.register();
let accept = () => {};
messenger.on('call', (incoming) => {
  accept = () => void incoming.accept().then(talk);
  say('ringing');
});
createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'accept') accept();
  else void messenger.call(to).then(talk);
});
say('ready');

async function talk(call: Call): Promise<void> {
  say('connected');
  for await (const { text } of call.messages()) await call.send(`${text}, too`);
}

/** A stack in which this process dies when the call has come so far. */
function mortal(rtc: Rtc): Rtc {
  return {
    name: rtc.name,
    create(options) {
      const { handlers } = options;
      const connection = rtc.create({
        ...options,
        handlers: {
          ...handlers,
          state(state) {
            if (state === 'connected') dieIn('connecting');
            handlers.state(state);
          },
        },
      });
      return Object.assign(Object.create(connection), {
        answer(sdp: string) {
          dieIn('answering');
          return connection.answer(sdp);
        },
      });
    },
  };
}

function dieIn(state: string): void {
  if (state !== mortalIn) return;
  process.kill(process.pid, 'SIGKILL');
  for (;;);
}
