import { describe, expect, it } from 'vitest';
import { bundle, entries, forbidden, forbiddenIn, problemsOf } from '../../scripts/bundle-report.js';

describe("a browser's bundle", () => {
  it.each(entries)('holds what it may, and weighs what it may: $name', async (entry) => {
    const built = await bundle(entry.code);
    expect(problemsOf(entry, built)).toEqual([]);
    expect(built.packages).toEqual([...entry.packages].sort());
  });

  it('of `seal` and `open` holds neither the client nor a backend', async () => {
    const built = await bundle("export { seal, open } from 'sealmq/envelope';");
    expect(built.packages).toEqual([]);
    expect(built.chunks.map(({ code }) => code).join()).not.toMatch(/WebSocket|indexedDB|subtle/);
  });
});

describe('the signs of what is forbidden', () => {
  it("are all found in a server's bundle", async () => {
    const code = [
      ...["export * from 'sealmq/server';", "export * as a from 'undici';", "export * as b from 'commander';"],
      ...["export * from 'sealmq/node-datachannel';", "export * from 'sealmq/werift';"],
    ];
    const built = await bundle(code.join('\n'), {
      ssr: { noExternal: true },
      build: { ssr: true, rolldownOptions: { output: { format: 'cjs' } } },
    });
    expect(forbiddenIn(built)).toEqual(forbidden.map(({ what }) => what));
    expect(built.packages).toEqual(expect.arrayContaining(['aedes', 'classic-level', 'commander', 'hono', 'undici']));
  });
});
