import { type Command, InvalidArgumentError, Option } from 'commander';
import { SETTINGS } from './settings.js';

/** Adds `--home` and `--verbose`. */
export function addBasicOptions(command: Command): Command {
  return command
    .option('--home <FOLDER>', 'config file and stores (SEALMQ_HOME; default: ~/.sealmq)')
    .option('--verbose', 'tell more on standard error, and the causes of errors');
}

/** Adds an option for each setting: who you are, where your keys lie, which broker and directory. */
export function addAccountOptions(command: Command): Command {
  for (const row of SETTINGS) {
    const fallback = 'fallback' in row ? ` (default: ${row.fallback})` : '';
    command.addOption(new Option(`--${row.name} <${row.placeholder}>`, row.about + fallback).helpGroup('Account:'));
  }
  return addBasicOptions(command);
}

/** Examples at the end of a command's help. */
export function addExamples(command: Command, ...lines: readonly string[]): Command {
  return command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`);
}

/** A duration in seconds, above zero. */
export function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (text.trim() !== '' && Number.isFinite(seconds) && seconds > 0 && seconds < 2_000_000) return seconds;
  throw new InvalidArgumentError('It is a number of seconds above 0.');
}

/** A whole number above zero. */
export function parseCount(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It is a whole number above 0.');
}

/** A port number; 0 takes any free one. */
export function parsePort(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new InvalidArgumentError('It is a port number; 0 takes any free one.');
}
