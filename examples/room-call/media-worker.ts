import { startMediaWorker } from 'sealmq/room/media';

startMediaWorker();
