import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

test('every error code has its paragraph, and no other code has', () => {
  const source = readFileSync('src/errors.ts', 'utf8');
  const codes = [...source.matchAll(/^ {2}\| '([A-Z_]+)'/gm)].map((match) => match[1]);
  const page = readFileSync('docs/troubleshooting.md', 'utf8');
  const listed = new Set(
    [...page.matchAll(/`((?:USAGE|DECODE|VERIFY|DIRECTORY|TRANSPORT|CALL|STATE)_[A-Z_]+)`/g)].map((match) => match[1]),
  );
  expect([...listed].sort()).toEqual([...new Set(codes)].sort());
});
