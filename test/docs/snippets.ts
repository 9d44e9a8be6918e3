import { readFileSync } from 'node:fs';

const AsyncFunction = (async () => {}).constructor as new (
  ...args: string[]
) => (...values: unknown[]) => Promise<unknown>;

/** The code of a page, in its order. */
export function snippets(page: string, language: string): string[] {
  const code = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g');
  return [...readFileSync(page, 'utf8').matchAll(code)].map(([, body]) => body as string);
}

/** `source` as a function of these names. What it imports is to be among them: its import lines are left out. */
export function program(names: readonly string[], source: string): (...values: unknown[]) => Promise<unknown> {
  return new AsyncFunction(...names, source.replaceAll(/^import .*$/gm, ''));
}
