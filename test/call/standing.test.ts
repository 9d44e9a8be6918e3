import { expect, test } from 'vitest';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { callPort } from '../../src/client/call/identity.js';
import { openContactList } from '../../src/client/contact-list.js';
import type { Context } from '../../src/client/context.js';
import type { Questions } from '../../src/client/relay/questions.js';

test('somebody is verified by address and identity: whoever has taken over the address of a friend is not', async () => {
  const [hers, another] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const contacts = await openContactList(memoryStore(), 'bob', {});
  await contacts.put({ address: 'alice', identity: hers, verified: true, blocked: false });
  await contacts.put({ address: 'carol', identity: hers, verified: false, blocked: false });
  await contacts.put({ address: 'dave', verified: true, blocked: false });
  const context = { account: { address: 'bob' }, contacts } as unknown as Context;
  const { standing } = callPort(context, { via: 'direct', questions: {} as Questions, heard() {} });
  expect(standing({ address: 'alice', identity: hers })).toBe('verified');
  expect(standing({ address: 'alice', identity: another })).toBe('contact');
  expect(standing({ address: 'alice', identity: hers.subarray(1) })).toBe('contact');
  expect(standing({ address: 'carol', identity: hers })).toBe('contact');
  expect(standing({ address: 'dave', identity: hers })).toBe('contact');
  expect(standing({ address: 'mallory', identity: hers })).toBe('stranger');
});
