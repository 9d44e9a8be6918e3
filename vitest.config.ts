import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Many tests wait for processes: with one core left over, as is the default, two cores would be one.
    maxWorkers: '100%',
    reporters: ['default', './scripts/closing-line.ts'],
  },
});
