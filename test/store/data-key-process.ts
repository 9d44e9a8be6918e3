/** Runs in a process of its own: prints the data key of a folder. */
import { fileDataKey } from '../../src/adapters/store/data-key-file.js';
import { toHex } from '../../src/bytes/bytes.js';
import { nativeProvider } from '../../src/crypto/native.js';

const provider = nativeProvider();

console.log(toHex(await fileDataKey(process.argv[2] ?? '', provider)));
