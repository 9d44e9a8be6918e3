/** Alice calls Bob through an SFU that has no key. All three are in this page; broker and key directory are elsewhere. */
import { Messenger, memoryStore, type Room } from 'sealmq';
import { openRoomMedia, type RoomMedia } from 'sealmq/room/media';
import { brightness, likeness } from './picture.js';
import { connectBySfu } from './sfu.js';

/** What there is to see, for whoever watches the page. */
export interface Sight {
  readonly forwarded: { readonly frames: number; readonly bytes: number };
  /** Frames that Bob's decoder has made pictures of. */
  readonly bobDecoded: number;
  /** Of the pictures to Alice's: 1 for the same, about 0 for noise and for none. */
  readonly bobLikeness: number;
  readonly sfuLikeness: number;
  /** Whose keys the frames were under that Bob sees. */
  readonly heard: string;
  /** Why frames that came to Bob were not shown. */
  readonly dropped: readonly string[];
}

declare global {
  var sight: () => Promise<Sight>;
  var bobLeaves: () => Promise<void>;
}

const element = <E extends HTMLElement>(id: string) => document.getElementById(id) as E;
const videos = { alice: element<HTMLVideoElement>('alice'), sfu: element('sfu'), bob: element('bob') } as Record<
  'alice' | 'sfu' | 'bob',
  HTMLVideoElement
>;
const place = Object.fromEntries(new URLSearchParams(location.search)) as { broker: string; directory: string };

const [alice, bob] = await Promise.all([join('alice'), join('bob')]);
const camera = await navigator.mediaDevices.getUserMedia({ video: { width: 320, height: 240, frameRate: 15 } });
videos.alice.srcObject = camera;

let heard = '';
const dropped = new Set<string>();
const [fromAlice, toBob] = [new RTCPeerConnection(), new RTCPeerConnection()];
toBob.ontrack = ({ receiver, track }) => {
  bob.media.receive(receiver, { from: 'alice' });
  videos.bob.srcObject = new MediaStream([track]);
};
bob.media.on('heard', ({ address }) => {
  heard = address;
});
bob.media.on('dropped', ({ reason }) => dropped.add(reason));
for (const track of camera.getTracks()) alice.media.send(fromAlice.addTrack(track, camera));
const sfu = await connectBySfu(fromAlice, toBob, videos.sfu);

globalThis.sight = async () => {
  const picture = brightness(videos.alice);
  const streams = [...(await toBob.getStats()).values()].filter(({ type }) => type === 'inbound-rtp');
  return {
    forwarded: sfu.forwarded(),
    bobDecoded: streams[0]?.framesDecoded ?? 0,
    bobLikeness: likeness(picture, brightness(videos.bob)),
    sfuLikeness: likeness(picture, brightness(videos.sfu)),
    heard,
    dropped: [...dropped],
  };
};
globalThis.bobLeaves = () => bob.room.leave();
element('leave').onclick = () => void bobLeaves();
setInterval(async () => {
  const { forwarded, bobDecoded, bobLikeness, sfuLikeness, dropped: reasons } = await sight();
  element('sfu-says').textContent =
    `${forwarded.frames} frames forwarded, ${forwarded.bytes.toLocaleString('en')} bytes\nlikeness ${sfuLikeness.toFixed(2)}`;
  const why = reasons.length > 0 ? `, some dropped: ${reasons.join(', ')}` : '';
  element('bob-says').textContent = `${bobDecoded} pictures${why}\nlikeness ${bobLikeness.toFixed(2)}`;
}, 250);

async function join(address: string): Promise<{ room: Room; media: RoomMedia }> {
  const messenger = await Messenger.open({ address, ...place, store: memoryStore() });
  await messenger.register();
  const room = await messenger.joinRoom('call-1', { admit: ['alice', 'bob'] });
  const worker = new Worker(new URL('./media-worker.ts', import.meta.url), { type: 'module' });
  return { room, media: await openRoomMedia(room, worker) };
}
