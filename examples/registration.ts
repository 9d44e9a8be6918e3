/** Two ways to register with a code: under a name that the directory knows, and under an address that tells nothing. */
import assert from 'node:assert/strict';
import { type CodeRequest, Messenger, memoryStore } from 'sealmq';
import { type CodeMessage, createBroker, createKeyProvider } from 'sealmq/server';

/** Mailboxes. A real service has `smtpSender({ url: 'smtps://…', from: '…' })` in its place. */
function mailboxes() {
  const latest = new Map<string, CodeMessage>();
  return {
    send: async (message: CodeMessage) => void latest.set(message.to, message),
    close: async () => {},
    /** What a person does who is asked for a code. */
    code: ({ to }: CodeRequest) => {
      const code = latest.get(to)?.code ?? '';
      console.log(`  ${to} has a message, and types ${code}`);
      return code;
    },
  };
}

const broker = await createBroker();
const mail = mailboxes();
const network = { broker: broker.mqttUrl ?? '' };
const open: Messenger[] = [];

async function named(): Promise<void> {
  console.log('With a name:');
  const directory = await createKeyProvider({ registration: { mode: 'named', email: mail } });
  try {
    const people = { ...network, directory: directory.url };
    const alice = await Messenger.open({ ...people, address: 'alice', store: memoryStore() });
    const bob = await Messenger.open({ ...people, address: 'bob', store: memoryStore() });
    open.push(alice, bob);
    await alice.register({ email: 'alice@example.org', code: mail.code });
    await bob.register({ email: 'bob@example.org', code: mail.code });
    await alice.send('bob', 'Found you in the directory.');
    const { value: message } = await bob.messages().next();
    console.log(`  bob reads "${message.text}" from ${message.from}`);
    assert.equal(message.from, 'alice');
  } finally {
    await Promise.all(open.splice(0).map((messenger) => messenger.close()));
    await directory.close();
  }
}

async function anonymous(): Promise<void> {
  console.log('Without one:');
  const directory = await createKeyProvider({
    registration: { mode: 'anonymous', email: mail, filter: { capacity: 1000 } },
  });
  try {
    const people = { ...network, directory: directory.url };
    const carol = await Messenger.open({
      ...{ ...people, store: memoryStore() },
      anonymous: { userId: 'carol', email: 'carol@example.org' },
    });
    const dave = await Messenger.open({
      ...{ ...people, store: memoryStore() },
      anonymous: { userId: 'dave', email: 'dave@example.org' },
    });
    open.push(carol, dave);
    await carol.register({ email: 'carol@example.org', code: mail.code });
    await dave.register({ email: 'dave@example.org', code: mail.code });
    console.log(`  carol is ${carol.address.slice(0, 12)}… and the directory has an Info OK for her, but no record`);
    const asked = await fetch(`${directory.url}/v1/keys/${carol.address}`);
    assert.equal(asked.status, 404);

    // Keys go from hand to hand.
    await dave.contacts.add((await carol.contactCard()).link);
    await carol.contacts.add((await dave.contactCard({ name: 'Dave' })).link);
    await dave.send(carol.address, 'Nobody can look me up.');
    const { value: message } = await carol.messages().next();
    console.log(`  carol reads "${message.text}" from ${message.from.slice(0, 12)}…`);
    assert.equal(message.from, dave.address);
  } finally {
    await Promise.all(open.splice(0).map((messenger) => messenger.close()));
    await directory.close();
  }
}

try {
  await named();
  await anonymous();
} finally {
  await broker.close();
}
