import { expect, test } from 'vitest';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { fromBase64url } from '../../src/bytes/base64url.js';
import { createEvents } from '../../src/client/events.js';
import type { KeyCache } from '../../src/client/key-cache.js';
import { LocalAccount } from '../../src/client/local-account.js';
import type { MessengerEvents } from '../../src/client/messenger-events.js';
import { openRegistrationDesk } from '../../src/client/registration.js';
import { openState } from '../../src/client/state.js';
import type { ShownRegistration } from '../../src/protocol/relay/sender.js';
import { afterTest } from '../broker/clients.js';
import { provider, START } from '../directory/fixtures.js';
import { anonymousApplicant, startService } from './service.js';

test('a registration is taken over when address and identity are ours, and nothing of another one is kept', async () => {
  const service = await startService({ mode: 'anonymous' });
  const [bob, alice] = [await register('bob'), await register('alice')];
  const { account, shown } = bob;
  const state = await openState({ address: account.record.address, store: memoryStore() }, provider);
  const { record, device } = account;
  const linked = await LocalAccount.adopt(state, provider, { record, device }, { now: START, stream: START });
  const desk = await open();
  for (const wrong of [
    alice.shown,
    { ...shown, infoOk: alice.shown.infoOk },
    { ...shown, userId: 'robert' },
    { ...shown, verificationHash: alice.shown.verificationHash },
  ]) {
    await expect(desk.adopt(wrong)).rejects.toMatchObject({ code: 'DECODE_LINK' });
  }
  const code = 'DIRECTORY_BAD_ANSWER';
  await expect(desk.adopt({ ...shown, infoOk: Uint8Array.of(1) })).rejects.toMatchObject({ code });
  expect(desk.current).toBeUndefined();

  await desk.adopt(shown);
  expect(desk.shown).toEqual(shown);
  // Durably.
  const again = await open();
  expect(again.shown).toEqual(shown);

  async function open() {
    const events = createEvents<MessengerEvents>();
    const parts = { provider, account: linked, events, registrar: undefined, now: () => START * 1000 };
    const opened = await openRegistrationDesk({ ...parts, store: state.store, keys: {} as KeyCache });
    afterTest(() => opened.close());
    return opened;
  }

  async function register(userId: string) {
    const { account, request } = await anonymousApplicant(userId, { email: `${userId}@example.org` }, START);
    const id = await service.start(request);
    const answer = await service.answer(id, service.mail.codes.at(-1) as string);
    const infoOk = new Uint8Array(await answer.arrayBuffer());
    const verificationHash = fromBase64url(request.verificationHash as string);
    return { account, shown: { userId, verificationHash, infoOk } satisfies ShownRegistration };
  }
});
