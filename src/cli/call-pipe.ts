import type { Readable } from 'node:stream';
import type { Call } from '../client/call/call.js';
import { SealMQError } from '../errors.js';
import { type Program, unlessInterrupted } from './session.js';

/**
 * Pipes standard input into a call and the call into standard output, both as they are, until either direction has come to its
 * end; then hangs up. Neither is read faster than the other end takes it.
 *
 * @param input - false: nothing is sent
 * @throws `CALL_ENDED` and the like when the call is over before; `OUTPUT_CLOSED`, `INTERRUPTED`
 */
export async function pipeCall(program: Program, call: Call, input: boolean): Promise<void> {
  const { output } = program;
  const { address, verified } = call.peer;
  const key = verified ? 'key compared' : `key NOT compared: sealmq safety-number ${address}`;
  output.note(`${address} is on the line, end-to-end encrypted, ${wayOf(call)}; ${key}`);
  call.on('path', () => output.note(call.path ? `now ${wayOf(call)}` : 'the way is lost; looking for another one'));
  const source = input ? process.stdin : undefined;
  try {
    await unlessInterrupted(program, Promise.all([sendAll(call, source), receiveAll(program, call, source)]));
    const { sent, received } = call.stats();
    output.detail(`sent ${sent.bytes} bytes, received ${received.bytes}`);
  } catch (error) {
    // What is not through by now does not get through any more, and they must not take it for the end.
    await call.hangUp({ patience: 0 });
    throw error;
  } finally {
    source?.destroy();
  }
  await call.hangUp();
}

/** The bytes of `source` as messages, and the end behind them. */
async function sendAll(call: Call, source: Readable | undefined): Promise<void> {
  let over = false;
  // Nobody types for a call that is gone.
  void call.ended.then(() => {
    over = true;
    source?.destroy();
  });
  try {
    for await (const chunk of source ?? []) await call.send(chunk as Uint8Array);
  } catch (error) {
    // Only what we have closed ourselves is the end; all else would pass a part off as the whole.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
    if (over) throw await cutShort(call);
  }
  await call.end();
}

async function receiveAll({ output }: Program, call: Call, source: Readable | undefined): Promise<void> {
  for await (const { bytes } of call.messages()) await output.bytes(bytes);
  if (!call.complete) throw await cutShort(call);
  // A person who is told that nothing follows has nothing to wait for either.
  if (process.stdin.isTTY) source?.destroy();
}

async function cutShort({ peer: { address }, ended }: Call): Promise<SealMQError> {
  const { reason, by } = await ended;
  const code = reason === 'hangup' ? 'CALL_ENDED' : 'CALL_FAILED';
  return new SealMQError(code, `the call with ${address} was over before everything was through: ${reason}, by ${by}`);
}

function wayOf({ path }: Call): string {
  return path === 'mqtt' ? 'over the broker' : path === 'turn' ? 'over a TURN server' : 'directly';
}
