/** The COSE layer (RFC 9052): encodings only, no keys are touched here. */
export { type CborMap, type CborValue, decodeCbor, encodeCbor } from '../bytes/cbor.js';
export {
  decodeEncrypt,
  type Encrypt,
  encodeEncrypt,
  encodeRecipients,
  encStructure,
  type Recipient,
} from './encrypt.js';
export { decodeProtected, encodeProtected, type HeaderMap } from './header.js';
export { kdfContext } from './kdf-context.js';
export {
  decodePrivateKey,
  type Ec2PublicKey,
  encodePrivateKey,
  encodePublicKey,
  type OkpPublicKey,
  type PrivateParameters,
  type PublicKey,
  publicKeyMap,
  type RsaPublicKey,
  readPublicKey,
} from './key.js';
export { Algorithm, Claim, Curve, Header, KeyType, MessageTag } from './labels.js';
export { decodeSign1, encodeSign1, prepareSign1, type Sign1, sigStructure } from './sign1.js';
export { thumbprint } from './thumbprint.js';
