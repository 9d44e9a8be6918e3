#!/usr/bin/env node
import { describe, exitCodeOf } from './failure.js';
import { createInterruption } from './interruption.js';
import { createOutput } from './output.js';
import { runProgram } from './program.js';

const output = createOutput(process.stdout, process.stderr);
const { signal } = createInterruption();
// A fault of ours is told like all others, without a stack.
process.on('uncaughtException', (error) => {
  for (const line of describe(error, output.verbose)) output.note(line);
  process.exit(exitCodeOf(error));
});
process.exitCode = await runProgram(process.argv, { output, signal });
// An interrupted command may have left an attempt to connect behind, a WebRTC stack a callback that never comes: nobody waits.
for (const stream of [process.stdout, process.stderr]) await new Promise((resolve) => stream.write('', resolve));
process.exit();
