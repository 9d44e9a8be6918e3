/** Media of rooms, for browsers: a WebRTC call that is encrypted from end to end, whatever SFU is in between. */
export { startMediaWorker } from '../../../adapters/media/media-worker.js';
export type { DropReason } from '../../../adapters/media/messages.js';
export {
  type DroppedMedia,
  openRoomMedia,
  type ReceiveMediaOptions,
  RoomMedia,
  type RoomMediaEvents,
  type SendMediaOptions,
} from './room-media.js';
