import { beforeAll, expect, test } from 'vitest';
import { ensureBuilt } from './built.js';
import { serve, shellFor } from './sealmq.js';

beforeAll(ensureBuilt, 120_000);

test('a frame goes to whoever is in the room, and nobody in it makes a failure', async () => {
  const shell = await shellFor(await serve());
  const place = (address: string) => ['plant-7', '--address', address, '--admit', 'gateway,ann', '--register'];
  const ann = shell.start(['room', 'join', ...place('ann'), '--json', '--count', '1', '--verbose']);
  await ann.note('in plant-7');
  const sent = await shell.run(['room', 'send', ...place('gateway'), '--channel', 'boiler', '21.5']);
  expect(sent).toMatchObject({ code: 0 });
  const { code, stdout } = await ann.finished;
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual({
    from: 'gateway',
    device: expect.stringMatching(/^[a-z2-7]{16}$/),
    channel: 'boiler',
    text: '21.5',
  });
  const alone = await shell.run(['room', 'send', ...place('gateway'), '--timeout', '1', 'nobody reads this']);
  expect(alone).toMatchObject({ code: 7 });
  // At once: nobody is waited for.
  const nowhere = await shell.run(['room', 'send', ...place('gateway'), '--channel', '', 'x']);
  expect(nowhere).toMatchObject({ code: 2, stderr: expect.stringContaining('USAGE_INVALID_ARGUMENT') });
  const tooLarge = await shell.run(['room', 'send', ...place('gateway')], 'x'.repeat(256 * 1024 + 1));
  expect(tooLarge).toMatchObject({ code: 2, stderr: expect.stringContaining('USAGE_PAYLOAD_TOO_LARGE') });
  expect(await shell.run(['room', 'send', ...place('gateway').slice(0, 3), 'no one admitted'])).toMatchObject({
    code: 2,
  });
});
