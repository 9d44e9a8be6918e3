#!/usr/bin/env node
import { createInterruption } from './interruption.js';
import { createOutput } from './output.js';
import { runProgram } from './program.js';

const output = createOutput(process.stdout, process.stderr);
const { signal } = createInterruption();
process.exitCode = await runProgram(process.argv, { output, signal });
// An interrupted command may have left an attempt to connect behind; nobody waits for it any more.
if (signal.aborted) process.exit();
