import assert from 'node:assert/strict';

/**
 * Whether the tests against a real peer can run. Use as `describe.skipIf(!peer('mosquitto', mosquittoAvailable()))`.
 *
 * A missing peer skips its tests and says so in one line, unless `SEALMQ_REQUIRE_PEERS=1`: then it fails the suite, so that
 * nobody takes a run without peers for a run with them.
 */
export function peer(name: string, isAvailable: boolean): boolean {
  if (isAvailable) return true;
  assert.notEqual(
    process.env.SEALMQ_REQUIRE_PEERS,
    '1',
    `${name} is not installed, and SEALMQ_REQUIRE_PEERS=1 asks for every peer`,
  );
  process.stdout.write(`skipped: ${name} not installed\n`);
  return false;
}
