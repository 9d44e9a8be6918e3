/** `npm run example NAME`: runs one example, which ends by itself and exits 0 only when what it tells is true. */
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const folder = dirname(fileURLToPath(import.meta.url));
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.ts') && !['run.ts', 'story.ts'].includes(file))
  .map((file) => file.replace('.ts', ''));

const [name = ''] = process.argv.slice(2);
if (names.includes(name)) {
  await import(pathToFileURL(join(folder, `${name}.ts`)).href);
} else {
  console.error(`npm run example NAME, where NAME is one of: ${names.join(', ')}`);
  process.exitCode = 2;
}
