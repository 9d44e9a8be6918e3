import { encodeCbor, Tagged } from '../../src/bytes/cbor.js';
import { encodeEncrypt } from '../../src/cose/encrypt.js';
import { encodeProtected } from '../../src/cose/header.js';
import { Algorithm, Header } from '../../src/cose/labels.js';
import { sigStructure } from '../../src/cose/sign1.js';
import { nativeProvider } from '../../src/crypto/native.js';
import { keyThumbprint } from '../../src/crypto/thumbprints.js';
import { encodeClaims } from '../../src/protocol/envelope/claims.js';
import { contentAad, OUTER_HEADER_BYTES } from '../../src/protocol/envelope/profile.js';
import { safetyNumber } from '../../src/protocol/identity/safety-number.js';
import { sign } from '../../src/protocol/signed.js';
import { hex } from '../bytes/hex.js';
import { atOnce, device, identityKey, NOW, now, record } from './receiver.js';

/**
 * What a hostile sender with good keys can make: the fuzzed bytes stand where only a correctly encrypted or correctly
 * signed message is read at all.
 */

const native = nativeProvider();
const cek = new Uint8Array(32).fill(7);
const iv = new Uint8Array(12).fill(7);
const payload = Uint8Array.of(1);

/** The recipients array of a message that was once sealed to Bob, with `cek` in it: what is signed today verifies tomorrow. */
const recipientsBytes = hex(`
    818344a101381ea20448dee0d7067c3179ba20a3010120042158207cf7bbfad1e65632cb72cc437e353695d0fd8e5e97a361a6f7546fca
    90667c4c582836a107fffda7152bdd9d10382a3fd83e1784c35f29c6e6a464a38e4553da726c8a8c21c875e66f64`);

/** A sealed message whose plaintext is `content`. */
export function sealedOver(content: Uint8Array): Uint8Array {
  const aad = contentAad(OUTER_HEADER_BYTES, 'message', 'bob');
  return encodeEncrypt({
    protectedBytes: OUTER_HEADER_BYTES,
    unprotectedHeader: new Map([[Header.iv, iv]]),
    ciphertext: atOnce(native.aesGcmEncrypt(cek, iv, aad, content)),
    recipientsBytes,
  });
}

/** The signed part with `header` as encoded protected header, correctly signed. */
export function signedOver(header: Uint8Array): Uint8Array {
  const bound = atOnce(native.sha256(recipientsBytes));
  const externalAad = encodeCbor(['sealmq/1 sign', 'message', 'message', bound]);
  const signature = atOnce(native.sign(device.signKey, sigStructure(header, externalAad, payload)));
  return encodeCbor(new Tagged(18, [header, new Map(), payload, signature]));
}

/** A key record with `content` as its payload, correctly signed. */
export function recordOver(content: Uint8Array): Uint8Array {
  return now(sign(native, identityKey, { purpose: 'record', payload: content }));
}

/** A contact card with `content` as its payload, correctly signed by Alice's device. */
export function cardOver(content: Uint8Array): Uint8Array {
  return now(sign(native, device.signKey, { purpose: 'card', payload: content }));
}

/** An Info OK with `content` as its payload, correctly signed: Alice's identity key is the directory's here. */
export function infoOkOver(content: Uint8Array): Uint8Array {
  return now(sign(native, identityKey, { purpose: 'info-ok', payload: content }));
}

/** What is compared with what was scanned. */
export const safety = now(
  safetyNumber(native, [
    { address: 'alice', identity: record.identity },
    { address: 'bob', identity: new Uint8Array(32) },
  ]),
);

/** Valid protected headers of signed parts. */
export function headerSeeds(): Uint8Array[] {
  const common = { from: 'alice', issuedAt: NOW, id: new Uint8Array(16) };
  return [
    encodeClaims({ ...common, audience: 'bob' }),
    encodeClaims({ ...common, audience: 'bob', seq: 1, stream: 7, channel: 'a/b', contentType: 'image/png' }),
    encodeClaims({ ...common, audience: 'bob', to: 'carol', version: 2, expiresAt: NOW + 9, inReplyTo: common.id }),
  ].map((claims) =>
    encodeProtected(
      new Map([
        [Header.alg, Algorithm.Ed25519],
        [Header.kid, now(keyThumbprint(native, device.signKey.publicKey))],
        ...claims,
      ]),
    ),
  );
}
