/**
 * Writes `test/vectors/envelope.json` and the vectors that `docs/wire-format.md` shows.
 *
 *     npx tsx scripts/make-vectors.ts
 *
 * Everything random is fixed, so a run without a change of the wire format changes nothing. A run that does change
 * something changes what other implementations must read: that is a new profile, not a new set of vectors.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { buildVectors, vectorsFile } from './vectors/build.js';
import { embedVectors } from './vectors/document.js';

const VECTORS = new URL('../test/vectors/envelope.json', import.meta.url);
const DOCUMENT = new URL('../docs/wire-format.md', import.meta.url);

const vectors = buildVectors();
writeFileSync(VECTORS, vectorsFile(vectors));
writeFileSync(DOCUMENT, embedVectors(readFileSync(DOCUMENT, 'utf8'), vectors));
