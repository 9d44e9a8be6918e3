import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Account } from '../../src/protocol/identity/index.js';
import { createKeyProvider } from '../../src/server/index.js';
import { codeOf, lastingStore, provider, START } from '../directory/fixtures.js';
import { temporaryFolder } from '../store/temporary-folder.js';
import { anonymousApplicant, outgoing, type Service, startService } from './service.js';

const FILE = 'registered-ids';
const COPY = 'registered-ids.copy';
const filter = { capacity: 1000, falsePositives: 1e-6 };

function open(data: string, options: object = {}): Promise<Service> {
  return startService({ mode: 'anonymous', filter: { ...filter, ...options } }, { data });
}

/** Registers somebody; the address and the Info OK. */
async function registered(
  service: Service,
  name: string,
): Promise<{ account: Account; infoOk: Uint8Array<ArrayBuffer> }> {
  const { account, request } = await anonymousApplicant(name, { email: `${name}@example.org` }, START);
  const id = await service.start(request);
  const answer = await service.answer(id, service.mail.codes.at(-1) as string);
  return { account, infoOk: new Uint8Array(await answer.arrayBuffer()) };
}

const knows = (service: Service, { account }: { account: Account }) =>
  service.server.registered(account.record.address);

async function cutInHalf(folder: string, name: string): Promise<void> {
  const bytes = await readFile(join(folder, name));
  await writeFile(join(folder, name), bytes.subarray(0, bytes.length / 2));
}

describe('the file of the filter', () => {
  it('survives a restart, and so does what was registered since it was written', async () => {
    const data = await temporaryFolder();
    const first = await open(data);
    const alice = await registered(first, 'alice');
    await first.server.close();
    const second = await open(data);
    const bob = await registered(second, 'bob');
    // What a process that is killed now leaves behind.
    const left = `${data}-left`;
    await cp(data, left, { recursive: true });
    const third = await open(left);
    expect([await knows(third, alice), await knows(third, bob)]).toEqual([true, true]);
    expect(third.failures).toEqual([]);
  });

  it('is not believed when it is older than the database', async () => {
    const data = await temporaryFolder();
    const first = await open(data);
    const old = await readFile(join(data, FILE));
    await registered(first, 'alice');
    await first.server.close();
    for (const name of [FILE, COPY]) await writeFile(join(data, name), old);
    await expect(open(data)).rejects.toThrow(/older than the database/);
  });

  it('is restored from its copy when it is cut in half, and the other way round', async () => {
    const data = await temporaryFolder();
    const first = await open(data);
    const alice = await registered(first, 'alice');
    await first.server.close();
    for (const name of [FILE, COPY]) {
      await cutInHalf(data, name);
      const service = await open(data);
      expect(await knows(service, alice)).toBe(true);
      const told = service.failures.map(String);
      expect(told).toEqual(name === FILE ? [expect.stringContaining('registered-ids is damaged: its checksum')] : []);
      await service.server.close();
      expect(await readFile(join(data, FILE))).toEqual(await readFile(join(data, COPY)));
    }
  });

  it('that is lost with its copy is an error, never an empty filter', async () => {
    const data = await temporaryFolder();
    const first = await open(data);
    await registered(first, 'alice');
    await first.server.close();
    const damage: ((name: string) => Promise<void>)[] = [
      (name) => cutInHalf(data, name),
      (name) => writeFile(join(data, name), new Uint8Array()),
      (name) => writeFile(join(data, name), new Uint8Array(40)),
      (name) => rm(join(data, name)),
    ];
    for (const spoil of damage) {
      await Promise.all([FILE, COPY].map(spoil));
      const opening = open(data);
      await expect(opening).rejects.toThrow(/the filter of registration ids is lost.*registered-ids.copy.*rebuild/);
      expect(await codeOf(opening)).toBe('STATE_CORRUPT');
    }
  });

  it('is restored from Info OKs presented again, when its loss is accepted', async () => {
    const data = await temporaryFolder();
    const first = await open(data);
    const [alice, bob] = [await registered(first, 'alice'), await registered(first, 'bob')];
    await first.server.close();
    for (const name of [FILE, COPY]) await cutInHalf(data, name);
    const service = await open(data, { rebuild: true });
    expect(String(service.failures[0])).toMatch(/is lost/);
    expect(await knows(service, alice)).toBe(false);
    expect((await service.post('/renew', alice.infoOk)).status).toBe(200);
    expect([await knows(service, alice), await knows(service, bob)]).toEqual([true, false]);
    await service.server.close();
    const again = await open(data);
    expect([await knows(again, alice), await knows(again, bob)]).toEqual([true, false]);
    expect(again.failures).toEqual([]);
  });

  it('of another installation is not taken for this one’s', async () => {
    const [data, other] = [await temporaryFolder(), await temporaryFolder()];
    await (await open(data)).server.close();
    await (await open(other)).server.close();
    for (const name of [FILE, COPY]) await cp(join(other, name), join(data, name));
    await expect(open(data)).rejects.toThrow(/another key/);
  });

  it('is used although the database beside it is new', async () => {
    const data = await temporaryFolder();
    const first = await open(data);
    const alice = await registered(first, 'alice');
    await first.server.close();
    for (const name of await readdir(data)) {
      if (name !== FILE && name !== COPY && name !== 'data-key') await rm(join(data, name));
    }
    expect(await knows(await open(data), alice)).toBe(true);
  });

  it('does not exist where the store is the caller’s own: the journal has it all', async () => {
    const store = lastingStore();
    const { volatile: _, ...lasting } = store;
    const key = provider.randomBytes(32);
    const options = { store: lasting, registration: { mode: 'anonymous' as const, email: outgoing(), filter, key } };
    const service = await startService({ mode: 'anonymous', filter, key }, { store: lasting });
    const alice = await registered(service, 'alice');
    await service.server.close();
    const next = await createKeyProvider(options);
    expect(await next.registered(alice.account.record.address)).toBe(true);
    await next.close();
    const wrongKey = { ...options.registration, key: provider.randomBytes(32) };
    expect(await codeOf(createKeyProvider({ ...options, registration: wrongKey }))).toBe('STATE_CORRUPT');
    const { key: __, ...keyless } = options.registration;
    expect(await codeOf(createKeyProvider({ ...options, registration: keyless }))).toBe('USAGE_INVALID_ARGUMENT');
  });
});
