import { describe, expect, it, onTestFinished } from 'vitest';
import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { encodeCbor } from '../../src/bytes/cbor.js';
import { readFields } from '../../src/bytes/fields.js';
import { Messenger } from '../../src/client/messenger.js';
import type { MessengerOptions } from '../../src/client/options.js';
import type { CodeRequest } from '../../src/client/registration.js';
import { decodeSign1, encodeSign1 } from '../../src/cose/sign1.js';
import { run } from '../../src/crypto/steps.js';
import { isRegistrationId } from '../../src/protocol/address.js';
import { signStatement } from '../../src/protocol/directory/index.js';
import { cardText, makeCard } from '../../src/protocol/identity/index.js';
import { infoOk } from '../../src/protocol/registration/info-ok.js';
import { type Broker, createBroker, smtpSender } from '../../src/server/index.js';
import type { RegistrationOptions } from '../../src/server/registration/options.js';
import { accountOf, codeOf, lastingStore, manualClock, provider } from '../directory/fixtures.js';
import { codeIn, type MailServer, startMailServer } from './mail-server.js';
import { type Service, startService } from './service.js';

interface Scene extends Service {
  readonly mails: MailServer;
  readonly broker: Broker;
  /** Everything but who one is. */
  readonly base: Omit<MessengerOptions, 'address'> & { readonly store: NonNullable<MessengerOptions['store']> };
}

const DAY = 24 * 3600;

async function scene(options: Partial<RegistrationOptions>): Promise<Scene> {
  const mails = await startMailServer();
  const email = smtpSender({ url: `smtp://127.0.0.1:${mails.port}`, from: 'directory@example.org' });
  const clock = manualClock(Math.floor(Date.now() / 1000));
  const service = await startService({ email, ...options }, { clock });
  const broker = await createBroker();
  onTestFinished(() => broker.close());
  const base = {
    broker: broker.mqttUrl as string,
    directory: service.server.url,
    store: memoryStore(),
    clock: service.clock,
  };
  return { ...service, mails, broker, base };
}

function closing(messenger: Messenger): Messenger {
  onTestFinished(() => messenger.close());
  return messenger;
}

const typed = (mails: MailServer) => ({ code: async ({ to }: CodeRequest) => codeIn(await mails.read(to)) });

describe('a messenger with a name', () => {
  it('registers with the code of a real e-mail, and is found', async () => {
    const { base, mails, server } = await scene({});
    const alice = closing(await Messenger.open({ ...base, address: 'alice' }));
    expect(await codeOf(alice.register())).toBe('DIRECTORY_REFUSED');
    expect(alice.registration).toBeUndefined();
    await alice.register({ email: 'alice@example.org', ...typed(mails) });
    expect(await server.registered('alice')).toBe(true);
    const { infoOk, address, expiresAt } = alice.registration ?? (undefined as never);
    expect(await server.checkInfoOk(infoOk)).toMatchObject({ address, identity: alice.record.identity });
    expect(expiresAt.getTime()).toBeGreaterThan(Date.now() + 80 * DAY * 1000);

    const bob = closing(await Messenger.open({ ...base, store: memoryStore(), address: 'bob' }));
    await bob.register({ email: 'bob@example.org', ...typed(mails) });
    const sent = await bob.send('alice', 'hello');
    const first = await alice.messages().next();
    expect(first.value).toMatchObject({ from: 'bob', id: sent.id });
    // Later records need no code.
    await alice.rotateKeys();
    await alice.register();
  });

  it('asks again while the code is wrong, takes it with spaces, and gives up after five', async () => {
    const { base, mails } = await scene({});
    const alice = closing(await Messenger.open({ ...base, address: 'alice' }));
    const asked: CodeRequest[] = [];
    await alice.register({
      email: 'alice@example.org',
      async code(request) {
        asked.push(request);
        if (asked.length === 1) return '00000000';
        if (asked.length === 2) return 'what?';
        const code = codeIn(await mails.read(request.to));
        return ` ${code.slice(0, 4)} ${code.slice(4)} `;
      },
    });
    expect(asked.map(({ wrong }) => wrong)).toEqual([false, true, true]);
    expect(asked[0]).toMatchObject({ to: 'alice@example.org', digits: 8, expiresAt: expect.any(Date) });
    let guesses = 0;
    const guess = { email: 'alice@example.org', code: () => (guesses++ === 0 ? 'x' : '00000000') };
    expect(await codeOf(alice.register(guess))).toBe('DIRECTORY_CODE_SPENT');
    expect(guesses).toBe(5);
  });

  it('cannot have the name of somebody else, nor use a directory that sends no codes', async () => {
    const { base, mails } = await scene({});
    const alice = closing(await Messenger.open({ ...base, address: 'alice' }));
    await alice.register({ email: 'alice@example.org', ...typed(mails) });
    const thief = closing(await Messenger.open({ ...base, store: memoryStore(), address: 'alice' }));
    expect(await codeOf(thief.register({ email: 'thief@example.org', ...typed(mails) }))).toBe('DIRECTORY_CONFLICT');
    for (const contact of [{ email: 'nonsense' }, { phone: '0151 1234567' }, {}]) {
      const wrong = { ...contact, ...typed(mails) } as { email: string; code: () => Promise<string> };
      expect(await codeOf(thief.register(wrong))).toBe('USAGE_INVALID_ARGUMENT');
    }
  });

  it('of keys that were made long ago hands in a record of now', async () => {
    const { base, mails, clock } = await scene({});
    const alice = closing(await Messenger.open({ ...base, address: 'alice' }));
    clock.advance(3600);
    await alice.register({ email: 'alice@example.org', ...typed(mails) });
    expect(alice.record.version).toBe(2);
  });
});

describe('a messenger without a name', () => {
  const anonymous = { userId: 'alice', email: 'alice@example.org' };

  it('registers an address that tells nothing, and talks to who has its card', async () => {
    const { base, mails, server } = await scene({ mode: 'anonymous' });
    const alice = closing(await Messenger.open({ ...base, anonymous }));
    const bob = closing(
      await Messenger.open({
        ...base,
        store: memoryStore(),
        anonymous: { userId: 'bob', email: 'bob@example.org' },
      }),
    );
    expect(isRegistrationId(alice.address)).toBe(true);
    expect(await server.registered(alice.address)).toBe(false);
    await alice.register({ email: 'alice@example.org', ...typed(mails) });
    await bob.register({ email: 'bob@example.org', ...typed(mails) });
    expect(await server.registered(alice.address)).toBe(true);
    expect(alice.registration?.address).toBe(alice.address);

    await bob.contacts.add((await alice.contactCard()).link);
    await alice.contacts.add((await bob.contactCard()).link);
    await bob.send(alice.address, 'hello');
    const { value } = await alice.messages().next();
    expect(value.from).toBe(bob.address);
    // The directory hands out nothing about it.
    const asked = await server.app(new Request(`${server.url}/v1/keys/${alice.address}`));
    expect(asked.status).toBe(404);
  });

  it('keeps its address, its salt and its Info OK over a restart, and no mailbox', async () => {
    const { base, mails } = await scene({ mode: 'anonymous' });
    const store = lastingStore();
    const first = await Messenger.open({ ...base, store, anonymous });
    await first.register({ email: 'Alice@example.org', ...typed(mails) });
    const { address, registration } = first;
    await first.close();
    for await (const [, value] of store.iterator({})) {
      expect(Buffer.from(value).toString('latin1')).not.toMatch(/example\.org/i);
    }
    const second = await Messenger.open({ ...base, store, anonymous });
    expect([second.address, second.registration]).toEqual([address, registration]);
    await second.close();
    const third = closing(await Messenger.open({ ...base, store, address }));
    expect(third.registration).toEqual(registration);
    const other = { email: 'other@example.org', ...typed(mails) };
    expect(await codeOf(third.register(other))).toBe('USAGE_INVALID_ARGUMENT');
  });

  it('is nobody else’s', async () => {
    const { base } = await scene({ mode: 'anonymous' });
    const store = lastingStore();
    await (await Messenger.open({ ...base, store, anonymous })).close();
    const wrong = [
      { userId: 'alicia', email: 'alice@example.org' },
      { userId: 'alice', email: 'other@example.org' },
      { userId: 'Alice!', email: 'alice@example.org' },
    ];
    for (const each of wrong) {
      expect(await codeOf(Messenger.open({ ...base, store, anonymous: each }))).toBe('USAGE_INVALID_ARGUMENT');
    }
    const named = lastingStore();
    await (await Messenger.open({ ...base, store: named, address: 'alice' })).close();
    expect(await codeOf(Messenger.open({ ...base, store: named, anonymous }))).toBe('USAGE_INVALID_ARGUMENT');
  });
});

describe('an Info OK on a card', () => {
  const contact = { email: 'alice@example.org' };

  it('is worth what our own directory has signed of it, and how long', async () => {
    const { base, mails, clock } = await scene({ mode: 'anonymous', infoOkLife: 10 * DAY });
    const alice = closing(await Messenger.open({ ...base, anonymous: { userId: 'alice', ...contact } }));
    await alice.register({ ...contact, ...typed(mails) });
    const { link } = await alice.contactCard();
    const store = lastingStore();
    const bob = await Messenger.open({ ...base, store, address: 'bob' });
    expect(await bob.contacts.add(link)).toMatchObject({ registered: 'confirmed', infoOk: alice.registration?.infoOk });
    await bob.close();
    const again = closing(await Messenger.open({ ...base, store, address: 'bob' }));
    expect(again.contacts.get(alice.address)?.registered).toBe('confirmed');
    const elsewhere = (await scene({ mode: 'anonymous' })).base;
    const carol = closing(await Messenger.open({ ...elsewhere, address: 'carol' }));
    expect((await carol.contacts.add(link)).registered).toBe('unknown');
    clock.advance(11 * DAY);
    expect((await again.contacts.add(link)).registered).toBe('expired');
  });

  it('that is forged, of somebody else, or none at all makes the card no good', async () => {
    const { base, mails, clock } = await scene({});
    const alice = closing(await Messenger.open({ ...base, address: 'alice' }));
    await alice.register({ ...contact, ...typed(mails) });
    const hers = alice.registration?.infoOk as Uint8Array;
    const mallory = await accountOf('mallory', clock.seconds());
    const dates = { issuedAt: clock.seconds(), expiresAt: clock.seconds() + DAY };
    const said = infoOk.encode({ address: 'mallory', identity: mallory.record.identity, ...dates });
    const forged = encodeSign1({ ...decodeSign1(hers), payload: encodeCbor(said) });
    const own = await run(
      signStatement(provider, mallory.identityKey, infoOk, infoOk.read(readFields(said, 'DECODE_CARD', ''))),
    );
    const add = async (word: Uint8Array) => {
      const card = { record: mallory.record, infoOk: word, ...dates };
      return alice.contacts.add(cardText(await run(makeCard(provider, mallory.device, card))));
    };
    expect(await codeOf(add(forged))).toBe('VERIFY_SIGNATURE');
    expect(await codeOf(add(hers))).toBe('VERIFY_SIGNATURE');
    expect(await codeOf(add(new Uint8Array(10)))).toBe('DECODE_CARD');
    expect(alice.contacts.get('mallory')).toBeUndefined();
    expect((await add(own)).registered).toBe('unknown');
  });
});

describe('an Info OK', () => {
  it('is renewed when half of its life has passed, at the next connection', async () => {
    const { base, mails, clock } = await scene({ mode: 'anonymous', infoOkLife: 10 * DAY });
    const store = lastingStore();
    const anonymous = { userId: 'alice', email: 'alice@example.org' };
    const first = await Messenger.open({ ...base, store, anonymous });
    await first.register({ email: 'alice@example.org', ...typed(mails) });
    const before = first.registration?.expiresAt.getTime() ?? 0;
    await first.close();
    const again = async () => {
      const messenger = await Messenger.open({ ...base, store, anonymous });
      // Closing waits for a renewal under way.
      await messenger.close();
      return messenger.registration?.expiresAt.getTime() ?? 0;
    };
    clock.advance(4 * DAY);
    expect(await again()).toBe(before);
    clock.advance(2 * DAY);
    expect(await again()).toBe(before + 6 * DAY * 1000);
    // Also one that has expired meanwhile: the filter still has the id.
    clock.advance(30 * DAY);
    expect(await again()).toBe(before + 36 * DAY * 1000);
  });

  it('that cannot be renewed is a warning', async () => {
    const { base, mails, clock } = await scene({ mode: 'anonymous', infoOkLife: 10 * DAY });
    const contact = { email: 'alice@example.org' };
    const stores = [lastingStore(), lastingStore()];
    for (const store of stores) {
      const messenger = await Messenger.open({ ...base, store, anonymous: { userId: 'alice', ...contact } });
      await messenger.register({ ...contact, ...typed(mails) });
      await messenger.close();
    }
    clock.advance(6 * DAY);
    // The second registration of the mailbox has taken the place of the first.
    const first = await Messenger.open({
      ...base,
      store: stores[0] as never,
      connect: 'background',
      anonymous: { userId: 'alice', ...contact },
    });
    const warning = new Promise((resolve) => first.on('warning', resolve));
    expect(await warning).toMatchObject({ code: 'DIRECTORY_REFUSED' });
    await first.close();
  });
});
