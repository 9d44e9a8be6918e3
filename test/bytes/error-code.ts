import { type ErrorCode, SealMQError } from '../../src/errors.js';

/** The code that `work` throws. Any other error passes through and fails the test. */
export function codeOf(work: () => unknown): ErrorCode | 'nothing thrown' {
  try {
    work();
  } catch (error) {
    if (error instanceof SealMQError) return error.code;
    throw error;
  }
  return 'nothing thrown';
}

/** {@link codeOf} for work that may answer later. */
export async function codeOfAsync(work: () => unknown): Promise<ErrorCode | 'nothing thrown'> {
  try {
    await work();
  } catch (error) {
    if (error instanceof SealMQError) return error.code;
    throw error;
  }
  return 'nothing thrown';
}
