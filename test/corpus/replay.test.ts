import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hex } from '../bytes/hex.js';
import { type Decoder, decoders, examine } from '../fuzz/decoders.js';
import { CORPUS } from '../fuzz/fuzz.js';

/**
 * Inputs that the fuzzer or somebody's bad idea brought up, one folder per decoder, in hexadecimal. A file is named after
 * what must come of it: `decode-cbor-….hex`, `read-….hex`; what once crashed is `crash-….hex` and may be anything but that.
 */
const folders = readdirSync(CORPUS, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

test('every decoder has its folder', () => {
  expect(folders.sort()).toEqual(Object.keys(decoders).sort());
});

describe.each(folders)('%s', (folder) => {
  const files = readdirSync(join(CORPUS, folder)).filter((file) => file.endsWith('.hex'));

  test.each(files)('%s', (file) => {
    const input = hex(readFileSync(join(CORPUS, folder, file), 'utf8'));
    const finding = examine(decoders[folder] as Decoder, input);
    const expected = file.slice(0, file.lastIndexOf('-'));
    expect(finding).toEqual({ word: expected === 'crash' ? expect.any(String) : expected });
  });
});
