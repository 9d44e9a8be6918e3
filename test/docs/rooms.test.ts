import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const page = await readFile('docs/rooms.md', 'utf8');
const snippets = (language: string) =>
  [...page.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, body]) => body as string);

test('frames without a messenger: the program runs with the built package', async () => {
  const [program] = snippets('js');
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program as string]);
  expect(stdout).toBe('1024 bytes\n');
});
