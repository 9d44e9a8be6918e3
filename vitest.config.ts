import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Many tests wait for processes, sockets and timers: as many as there are cores would leave a third of them idle.
    maxWorkers: Math.ceil(1.5 * availableParallelism()),
    reporters: ['default', './scripts/closing-line.ts'],
  },
});
