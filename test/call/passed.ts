import { vi } from 'vitest';

/**
 * So much time has passed at once, in milliseconds; what time of day it is stays as it was.
 *
 * @returns a function that takes it back
 */
export function passed(milliseconds: number): () => void {
  const now = performance.now.bind(performance);
  const later = vi.spyOn(performance, 'now').mockImplementation(() => now() + milliseconds);
  return () => later.mockRestore();
}
