import { SealMQError } from '../../errors.js';
import type { FrameKind } from './room-frame.js';

const ROOM = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Whether `value` names a room: 1 to 64 letters, digits, `.`, `_`, `-`, the first a letter or digit. */
export const isRoomName = (value: unknown): value is string => typeof value === 'string' && ROOM.test(value);

/** `name` itself when it names a room. @throws `USAGE_INVALID_ARGUMENT` */
export function assertRoomName(name: string): string {
  if (isRoomName(name)) return name;
  throw new SealMQError('USAGE_INVALID_ARGUMENT', 'a room is named by 1 to 64 letters, digits, . _ -');
}

/** What a topic of a room says of the bytes on it. */
export type RoomPlace =
  /** Statements, for everybody. */
  | { readonly kind: 'statement' }
  /** A sealed message for one device. */
  | { readonly kind: 'message'; readonly device: string }
  /** A frame of one device. */
  | { readonly kind: FrameKind; readonly device: string };

const LEVELS = { message: 'control', frame: 'frame', heartbeat: 'heartbeat' } as const;

const KINDS = ['message', 'frame', 'heartbeat'] as const;

/** `<prefix>/room/<room>/…` for a place. */
export function roomTopic(prefix: string, room: string, place: RoomPlace): string {
  const start = `${prefix}/room/${room}`;
  return place.kind === 'statement' ? `${start}/control` : `${start}/${LEVELS[place.kind]}/${place.device}`;
}

/** What a member subscribes to; `frames: false` for one who only sends. */
export function roomFilters(prefix: string, room: string, device: string, { frames = true } = {}): string[] {
  const of = (place: RoomPlace) => roomTopic(prefix, room, place);
  const control = [of({ kind: 'statement' }), of({ kind: 'message', device }), of({ kind: 'heartbeat', device: '+' })];
  return frames ? [...control, of({ kind: 'frame', device: '+' })] : control;
}

/** Room and place of `topic`, or `undefined` when it is none of a room. */
export function roomPlaceOf(
  prefix: string,
  topic: string,
): { readonly room: string; readonly place: RoomPlace } | undefined {
  const start = `${prefix}/room/`;
  if (!topic.startsWith(start)) return undefined;
  const [room, level, device, ...rest] = topic.slice(start.length).split('/');
  if (!isRoomName(room) || rest.length > 0) return undefined;
  if (device === undefined) return level === 'control' ? { room, place: { kind: 'statement' } } : undefined;
  const kind = KINDS.find((each) => LEVELS[each] === level);
  return kind && device !== '' ? { room, place: { kind, device } } : undefined;
}
