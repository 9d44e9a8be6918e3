import { toBase64url } from '../../src/bytes/base64url.js';
import { equal } from '../../src/bytes/bytes.js';
import { decodeEncrypt } from '../../src/cose/encrypt.js';
import { Header } from '../../src/cose/labels.js';
import type { Temper } from '../../src/testing/temper.js';
import type { Ledger } from './ledger.js';

/** Notes sealed messages. @returns what is wrong with one */
export function nonceWatch(): (sealed: Uint8Array) => string | undefined {
  const seen = new Map<string, Uint8Array>();
  return (sealed) => {
    const iv = decodeEncrypt(sealed, 256).unprotectedHeader.get(Header.iv);
    const name = toBase64url(iv as Uint8Array);
    const before = seen.get(name);
    seen.set(name, sealed);
    return before && !equal(before, sealed) ? `the nonce ${name} was used twice` : undefined;
  };
}

/**
 * Looks at everything that is published: two different messages never share a nonce, so no key and nonce are used twice,
 * whatever the key.
 */
export function wiretap(ledger: Ledger): (temper: Temper) => Temper {
  const watch = nonceWatch();
  return (temper) => ({
    ...temper,
    published(parcel) {
      const problem = watch(parcel.payload);
      if (problem) ledger.problems.push(problem);
      return temper.published(parcel);
    },
  });
}
