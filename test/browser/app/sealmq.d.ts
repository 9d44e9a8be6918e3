/** The package by its own name, typed from its source: type checks need no build. */

declare module 'sealmq' {
  type Source = typeof import('../../../src/index.js');
  export const Messenger: Source['Messenger'];
  export type Messenger = import('../../../src/index.js').Messenger;
  export type MessengerOptions = import('../../../src/index.js').MessengerOptions;
  export type MessengerStatus = import('../../../src/index.js').MessengerStatus;
  export type Call = import('../../../src/index.js').Call;
  export type CallEnd = import('../../../src/index.js').CallEnd;
  export type CallOptions = import('../../../src/index.js').CallOptions;
  export type IceServer = import('../../../src/index.js').IceServer;
  export type CallPath = import('../../../src/index.js').CallPath;
  export type Room = import('../../../src/index.js').Room;
  export const memoryStore: Source['memoryStore'];
  export const openLevelStore: Source['openLevelStore'];
}

declare module 'sealmq/crypto' {
  type Source = typeof import('../../../src/crypto/index.js');
  export type CryptoProvider = import('../../../src/crypto/index.js').CryptoProvider;
  export type SuiteName = import('../../../src/crypto/index.js').SuiteName;
  export const defaultProvider: Source['defaultProvider'];
  export const nativeProvider: Source['nativeProvider'];
  export const nobleProvider: Source['nobleProvider'];
  export const suites: Source['suites'];
  export const webcryptoProvider: Source['webcryptoProvider'];
}

declare module 'sealmq/cose' {
  export type PublicKey = import('../../../src/cose/index.js').PublicKey;
}

declare module 'sealmq/envelope' {
  type Source = typeof import('../../../src/protocol/envelope/index.js');
  export const open: Source['open'];
  export const seal: Source['seal'];
}

declare module 'sealmq/identity' {
  type Source = typeof import('../../../src/protocol/identity/index.js');
  export const generateDeviceKeys: Source['generateDeviceKeys'];
  export const run: Source['run'];
}

declare module 'sealmq/room/media' {
  type Source = typeof import('../../../src/client/room/media/index.js');
  export type RoomMedia = import('../../../src/client/room/media/index.js').RoomMedia;
  export const openRoomMedia: Source['openRoomMedia'];
  export const startMediaWorker: Source['startMediaWorker'];
}
