import { describe, expect, test } from 'vitest';
import { toHex, utf8 } from '../../src/bytes/bytes.js';
import { type CborMap, decodeCbor, encodeCbor } from '../../src/bytes/cbor.js';
import { decodeEncrypt, encodeEncrypt, encStructure } from '../../src/cose/encrypt.js';
import { kdfContext } from '../../src/cose/kdf-context.js';
import { type Ec2PublicKey, readPublicKey } from '../../src/cose/key.js';
import { Header } from '../../src/cose/labels.js';
import { decodeSign1, encodeSign1, sigStructure } from '../../src/cose/sign1.js';
import { thumbprint } from '../../src/cose/thumbprint.js';
import { nativeProvider } from '../../src/crypto/native.js';
import { codeOf } from '../bytes/error-code.js';
import { hex } from '../bytes/hex.js';

const provider = nativeProvider();
const NOTHING = new Uint8Array(0);

describe('RFC 9052 Appendix C.2.1: a single ECDSA signature', () => {
  const bytes = hex(
    `d28443a10126a10442313154546869732069732074686520636f6e74656e742e58408eb33e4ca31d1c465ab05aac34cc6b23d58fef5c08310
     6c4d25a91aef0b0117e2af9a291aa32e14ab834dc56ed2a223444547e01f11d3b0916e5a4c345cacb36`,
  );
  const key: Ec2PublicKey = {
    kty: 'EC2',
    crv: 'P-256',
    x: hex('bac5b11cad8f99f9c72b05cf4b9e26d244dc189f745228255a219a86d6a09eff'),
    y: hex('20138bf82dc1b6d562be0fa54ab7804a3a64b6d72ccfed6b6fb6ed28bbfc117e'),
  };

  test('is decoded, encodes to the same bytes, and its signature verifies', async () => {
    const message = decodeSign1(bytes);
    expect(message.protectedHeader).toEqual(new Map([[Header.alg, -7]]));
    expect(message.unprotectedHeader).toEqual(new Map([[Header.kid, utf8('11')]]));
    expect(message.payload).toEqual(utf8('This is the content.'));
    expect(encodeSign1(message)).toEqual(bytes);
    const signed = sigStructure(message.protectedBytes, NOTHING, utf8('This is the content.'));
    expect(toHex(signed)).toBe('846a5369676e61747572653143a101264054546869732069732074686520636f6e74656e742e');
    expect(await provider.verify('ESP256', key, signed, message.signature)).toBe(true);
  });

  test('does not verify with anything in the external additional data', async () => {
    const { protectedBytes, signature } = decodeSign1(bytes);
    const signed = sigStructure(protectedBytes, hex('11aa'), utf8('This is the content.'));
    expect(await provider.verify('ESP256', key, signed, signature)).toBe(false);
  });
});

describe('ECDH-ES + A256KW with A256GCM (cose-wg examples, p256-wrap-256-02; RFC 9053 §5.2, §6.4.1)', () => {
  // With the registered tag 96 and the labels of the recipient in deterministic order.
  const bytes = hex(
    `d8608443a10103a1054c02d1f7e6f26c43d4868d87ce5824256b748deb647131c12a10ac261da0628e420492e1cdb06f146b2d8b21c867450b
     76b43f818344a101381ea20458246d65726961646f632e6272616e64796275636b406275636b6c616e642e6578616d706c6520a40102200121
     5820687312aa4e2112cb2a06721f984788d3d1e235f64f48cebbc81cb19e11d3f8e1225820c31c514ccb8af91800dd519ada41cf6b03ecdfb2
     12fdb34d371d536c7419acc45828ebf9f3032b71e4f2ec24470f876f5298a002275c9fc61f7d21774a1e189bbe4ffdff1d2993de40e2`,
  );
  const message = decodeEncrypt(bytes, 1);
  const [recipient] = message.recipients;

  test('is decoded and encodes to the same bytes', () => {
    expect(encodeEncrypt(message)).toEqual(bytes);
    expect(recipient?.protectedHeader).toEqual(new Map([[Header.alg, -31]]));
    const ephemeralKey = recipient?.unprotectedHeader.get(Header.ephemeralKey) as CborMap;
    expect(readPublicKey(ephemeralKey)).toMatchObject({ kty: 'EC2', crv: 'P-256' });
  });

  test('has the Enc_structure and the KDF context of the example', () => {
    expect(toHex(encStructure(message.protectedBytes, NOTHING))).toBe('8367456e637279707443a1010340');
    // The example has no SuppPubInfo.other: ours is an array of three, the example's of two.
    expect(toHex(kdfContext(hex('a101381e'), hex('0102')))).toBe(`842483f6f6f683f6f6f68319010044a101381e420102`);
  });

  test('opens with its key encryption key', async () => {
    const kek = hex('3e78ba5f208a83cb3e667c5a8a8046ffeb476afb81219825342e2eecb452a2ef');
    const cek = await provider.aesKwUnwrap(kek, recipient?.ciphertext ?? NOTHING);
    const aad = hex('8369456e76656c6f70656443a1010340');
    const iv = message.unprotectedHeader.get(Header.iv) as Uint8Array;
    const plaintext = await provider.aesGcmDecrypt(cek ?? NOTHING, iv, aad, message.ciphertext);
    expect(plaintext).toEqual(utf8('This is the content.'));
  });

  test('is refused as it was published: an old tag, and labels that are not in order', () => {
    const published = hex(
      `d903e08443a10103a1054c02d1f7e6f26c43d4868d87ce5824256b748deb647131c12a10ac261da0628e420492e1cdb06f146b2d8b21c8674
       50b76b43f818344a101381ea220a401022001215820687312aa4e2112cb2a06721f984788d3d1e235f64f48cebbc81cb19e11d3f8e1225820
       c31c514ccb8af91800dd519ada41cf6b03ecdfb212fdb34d371d536c7419acc40458246d65726961646f632e6272616e64796275636b40627
       5636b6c616e642e6578616d706c655828ebf9f3032b71e4f2ec24470f876f5298a002275c9fc61f7d21774a1e189bbe4ffdff1d2993de40e2`,
    );
    expect(codeOf(() => decodeEncrypt(published, 1))).toBe('DECODE_COSE');
    expect(codeOf(() => decodeCbor(published))).toBe('DECODE_CBOR');
  });
});

test('RFC 9679 §6: the thumbprint of the example key', async () => {
  const bytes = hex(
    `a40102200121582065eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d2258201e52ed75701163f7f9e40ddf9f34
     1b3dc9ba860af7e0ca7ca7e9eecd0084d19c`,
  );
  const key = readPublicKey(decodeCbor(bytes));
  expect(encodeCbor(decodeCbor(bytes))).toEqual(bytes);
  const print = await thumbprint(key, (data) => provider.sha256(data));
  expect(toHex(print)).toBe('496bd8afadf307e5b08c64b0421bf9dc01528a344a43bda88fadd1669da253ec');
});

describe('keys of RFC 8032 §7.1 and RFC 7748 §6.1 as COSE_Keys', () => {
  test.each([
    ['Ed25519', 'a3010120062158', 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'],
    ['X25519', 'a3010120042158', 'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f'],
  ])('%s', (crv, head, x) => {
    expect(readPublicKey(decodeCbor(hex(`${head}20${x}`)))).toEqual({ kty: 'OKP', crv, x: hex(x) });
  });
});
