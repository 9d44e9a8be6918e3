import { buffer } from 'node:stream/consumers';
import { type Command, InvalidArgumentError } from 'commander';
import { toBase64url } from '../../bytes/base64url.js';
import { fromUtf8 } from '../../bytes/bytes.js';
import { present } from '../../bytes/fields.js';
import type { RoomFrame } from '../../client/room/events.js';
import type { Room } from '../../client/room/room.js';
import { encodeFrame } from '../../protocol/room/room-frame.js';
import { CommandFailure } from '../failure.js';
import { aborted } from '../interruption.js';
import { addAccountOptions, addExamples, parseCount, parseSeconds } from '../options.js';
import { printable } from '../printable.js';
import { findOrMakeAccount, type Program, unlessInterrupted, withMessenger } from '../session.js';
import { type OptionValues, readSettings } from '../settings.js';

interface RoomOptions extends OptionValues {
  readonly admit: readonly string[];
  readonly register?: true;
  readonly json?: true;
  readonly count?: number;
  readonly timeout?: number;
  readonly channel?: string;
  readonly readers?: number;
}

/** How often the members of a room are looked at, in milliseconds. */
const LOOK = 50;

/** `sealmq room` */
export function addRoom(root: Command, program: Program): void {
  const room = root.command('room').description('frames to all members of a room');
  const join = withAdmission(room.command('join').description('print the frames of a room, until Ctrl-C'))
    .option('--json', 'one JSON object a line: from, device, channel, text (or bytes in base64url)')
    .option('--count <N>', 'end after N frames', parseCount)
    .option('--timeout <SECONDS>', 'end after that time; with --count it is a failure to end so', parseSeconds)
    .action((name: string, options: RoomOptions) => joinRoom(program, name, options));
  addExamples(addAccountOptions(join), 'sealmq room join plant-7 --address ann --admit gateway,ann,ben');
  const send = withAdmission(room.command('send').description('send one frame to whoever is in a room'))
    .argument('[TEXT]', 'the frame; without it, standard input as it is')
    .option('--channel <NAME>', 'what the frame belongs to; encrypted')
    .option('--readers <N>', 'wait until so many members can read it', parseCount, 1)
    .option('--timeout <SECONDS>', 'how long to wait for them', parseSeconds, 30)
    .action((name: string, text: string | undefined, options: RoomOptions) => sendFrame(program, name, text, options));
  addExamples(
    addAccountOptions(send),
    "sealmq room send plant-7 --address gateway --admit gateway,ann,ben --channel boiler '21.5'",
  );
}

function withAdmission(command: Command): Command {
  return command
    .argument('<ROOM>', '1 to 64 letters, digits, . _ -')
    .requiredOption(
      '--admit <ADDRESSES>',
      'who may be in it, separated by commas; nobody else gets your key',
      parseNames,
    )
    .option('--register', 'register first, if you have not yet');
}

function parseNames(text: string): readonly string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.every((name) => name !== '')) return names;
  throw new InvalidArgumentError('They are addresses, separated by commas.');
}

/** Runs `work` in the room, and leaves it whatever comes. */
async function inRoom(
  program: Program,
  name: string,
  options: RoomOptions,
  frames: boolean,
  work: (room: Room) => Promise<void>,
): Promise<void> {
  const settings = await readSettings(options);
  const place = await findOrMakeAccount(program, settings, options.register === true);
  await withMessenger(program, settings, place, {}, async (messenger) => {
    if (options.register && !place.account?.registered) await unlessInterrupted(program, messenger.register());
    const room = await unlessInterrupted(program, messenger.joinRoom(name, { admit: options.admit, frames }));
    room.on('joined', ({ address }) => program.output.detail(`${address} is in ${name}`));
    room.on('left', ({ address, reason }) => program.output.detail(`${address} is out: ${reason}`));
    room.on('undecryptable', ({ address, device, reason }) =>
      program.output.note(`a frame of ${address ?? device} could not be read: ${reason}`),
    );
    try {
      await work(room);
    } finally {
      await room.leave();
    }
  });
}

async function joinRoom(program: Program, name: string, options: RoomOptions): Promise<void> {
  const { output, signal } = program;
  const { count = Number.POSITIVE_INFINITY, timeout } = options;
  await inRoom(program, name, options, true, async (room) => {
    output.detail(`in ${name}`);
    let printed = 0;
    const reading = (async () => {
      for await (const frame of room.frames()) {
        await (options.json ? output.json(frameView(frame)) : output.line(frameLine(frame)));
        if (++printed >= count) return;
      }
    })();
    const ended = await Promise.race([reading.then(() => true), aborted(signal).then(() => true), late(timeout)]);
    if (!ended && count !== Number.POSITIVE_INFINITY) {
      throw new CommandFailure('TIMEOUT', `${printed} of ${count} frames within ${timeout} s`);
    }
  });
}

async function sendFrame(
  program: Program,
  name: string,
  text: string | undefined,
  options: RoomOptions,
): Promise<void> {
  const { readers = 1, timeout, channel } = options;
  const bytes = text === undefined ? await unlessInterrupted(program, buffer(process.stdin)) : Buffer.from(text);
  // What can never go out waits for nobody.
  encodeFrame(bytes, channel);
  await inRoom(program, name, options, false, async (room) => {
    const ready = () => room.members.filter((member) => member.ready).length;
    const there = (async () => {
      while (ready() < readers) await pause(LOOK);
      return true;
    })();
    if (!(await unlessInterrupted(program, Promise.race([there, late(timeout)])))) {
      throw new CommandFailure('TIMEOUT', `${ready()} of ${readers} readers within ${timeout} s`);
    }
    await room.send(new Uint8Array(bytes), present({ channel, qos: 1 as const }));
  });
}

function frameView({ from, device, channel, bytes }: RoomFrame): Record<string, unknown> {
  const text = textOf(bytes);
  return { from, device, channel: channel ?? null, text, ...(text === null && { bytes: toBase64url(bytes) }) };
}

/** A frame for people. Further lines are indented, or a frame could look like one of somebody else. */
function frameLine({ from, bytes }: RoomFrame): string {
  const shown = textOf(bytes) ?? `(${bytes.length} bytes)`;
  return printable(`${from}: ${shown.replace(/\r?\n$/, '').replaceAll('\n', '\n  ')}`);
}

function textOf(bytes: Uint8Array): string | null {
  try {
    return fromUtf8(bytes);
  } catch {
    return null;
  }
}

/** False after that many seconds; never without. The timer keeps no process alive. */
function late(seconds: number | undefined): Promise<boolean> {
  if (seconds === undefined) return new Promise(() => {});
  return new Promise((resolve) => setTimeout(() => resolve(false), seconds * 1000).unref());
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds).unref());
}
