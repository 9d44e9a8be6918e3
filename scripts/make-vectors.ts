/**
 * Writes `test/vectors/envelope.json`, `test/vectors/room.json`, `test/vectors/contacts.json`, `test/vectors/call.json`,
 * `test/vectors/relay.json`, and the vectors that `docs/wire-format.md` shows.
 *
 *     npx tsx scripts/make-vectors.ts
 *
 * Everything random is fixed, so a run without a change of the wire format changes nothing. A run that does change
 * something changes what other implementations must read: that is a new profile, not a new set of vectors.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { buildVectors, vectorsFile } from './vectors/build.js';
import { callVectors } from './vectors/call.js';
import { contactVectors } from './vectors/contacts.js';
import { embedVectors } from './vectors/document.js';
import { relayVectors } from './vectors/relay.js';
import { roomVectors } from './vectors/room.js';

const VECTORS = new URL('../test/vectors/envelope.json', import.meta.url);
const ROOM = new URL('../test/vectors/room.json', import.meta.url);
const CONTACTS = new URL('../test/vectors/contacts.json', import.meta.url);
const CALL = new URL('../test/vectors/call.json', import.meta.url);
const RELAY = new URL('../test/vectors/relay.json', import.meta.url);
const DOCUMENT = new URL('../docs/wire-format.md', import.meta.url);

const vectors = buildVectors();
writeFileSync(VECTORS, vectorsFile(vectors));
writeFileSync(ROOM, `${JSON.stringify(roomVectors(), null, 2)}\n`);
writeFileSync(CONTACTS, `${JSON.stringify(contactVectors(), null, 2)}\n`);
writeFileSync(CALL, `${JSON.stringify(callVectors(), null, 2)}\n`);
writeFileSync(RELAY, `${JSON.stringify(relayVectors(), null, 2)}\n`);
writeFileSync(DOCUMENT, embedVectors(readFileSync(DOCUMENT, 'utf8'), vectors));
