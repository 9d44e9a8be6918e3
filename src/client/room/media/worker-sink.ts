import type { MediaKey, ToWorker } from '../../../adapters/media/messages.js';
import type { MediaSecret, MediaSink } from './media-keys.js';

/** Hands keys to a media worker as CryptoKeys that it cannot export; the bytes are wiped. */
export function workerSink(post: (message: ToWorker) => void): MediaSink {
  let turn: Promise<void> = Promise.resolve();

  /** In the order of the calls, although some have to wait. */
  function postInTurn(message: () => ToWorker | Promise<ToWorker>): void {
    turn = turn
      .then(message)
      .then(post)
      .catch((error) => void Promise.reject(error));
  }

  return {
    ownKey: (key) => postInTurn(async () => ({ type: 'own-key', key: await importKey(key, 'encrypt') })),
    hold: () => post({ type: 'hold' }),
    resume: () => postInTurn(() => ({ type: 'resume' })),
    memberKey: (from, key, guessed) =>
      postInTurn(async () => ({ type: 'member-key', from, guessed, key: await importKey(key, 'decrypt') })),
    forget: (device) => postInTurn(() => ({ type: 'forget', device })),
    close: () => postInTurn(() => ({ type: 'close' })),
  };
}

async function importKey({ key, ...rest }: MediaSecret, usage: 'encrypt' | 'decrypt'): Promise<MediaKey> {
  const imported = await crypto.subtle.importKey('raw', key as BufferSource, 'AES-GCM', false, [usage]);
  key.fill(0);
  return { ...rest, key: imported };
}
