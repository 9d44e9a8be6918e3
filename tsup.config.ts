import { defineConfig } from 'tsup';

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    envelope: 'src/protocol/envelope/index.ts',
    identity: 'src/protocol/identity/index.ts',
    registration: 'src/protocol/registration/index.ts',
    room: 'src/protocol/room/index.ts',
    'room-media': 'src/client/room/media/index.ts',
    crypto: 'src/crypto/index.ts',
    cose: 'src/cose/index.ts',
    server: 'src/server/index.ts',
    workers: 'src/adapters/workers/index.ts',
    'envelope-worker': 'src/adapters/workers/envelope-worker.ts',
    'node-datachannel': 'src/adapters/rtc/node-datachannel.ts',
    werift: 'src/adapters/rtc/werift.ts',
    qr: 'src/adapters/qr/index.ts',
    testing: 'src/testing/index.ts',
    cli: 'src/cli/main.ts',
  },
  format: 'esm',
  target: 'es2022',
  platform: 'neutral',
  external: [/^node:/],
  // Shared chunks keep one SealMQError and one key cache between the entry points.
  splitting: true,
  sourcemap: true,
  clean: ['dist/*.js', 'dist/*.map'],
});
