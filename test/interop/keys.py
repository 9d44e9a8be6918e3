"""COSE_Keys, thumbprints, signatures and the unwrapping of content encryption keys: sections 4 and 5.2."""

import hashlib
from dataclasses import dataclass, field

from cbor_strict import decode_map, encode, is_bytes, is_integer, need
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

ED25519, X25519, P256, RSA = "Ed25519", "X25519", "P-256", "RSA"
SIGNING_ALG = {ED25519: -19, P256: -9, RSA: -37}
ECDH_ES_A256KW, RSAES_OAEP = -31, -41
SEALING_ALG = {X25519: ECDH_ES_A256KW, P256: ECDH_ES_A256KW, RSA: RSAES_OAEP}

ECDH_PROTECTED = bytes.fromhex("a101381e")  # { 1: -31 }
PROFILE = "sealmq/1"
CEK_BYTES = 32
P256_ORDER = 0xFFFFFFFF_00000000_FFFFFFFF_FFFFFFFF_BCE6FAAD_A7179E84_F3B9CAC2_FC632551


class CannotUnwrap(Exception):
    """A recipient does not yield a content encryption key."""


@dataclass(frozen=True)
class PublicKey:
    """A public key with exactly the parameters of section 4.1."""

    type: str
    params: dict
    thumbprint: bytes = field(compare=False)

def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def public_key(params: object) -> PublicKey:
    """Reads a decoded COSE_Key; whether a point lies on its curve is found out where it is used (section 4.1)."""
    need(type(params) is dict, "a key that is no map")
    kind = key_type(params)
    ordered = {label: params[label] for label in (1, -1, -2, -3) if label in params}
    return PublicKey(kind, ordered, sha256(encode(ordered)))


def key_type(params: dict) -> str:
    """The type of a public key whose parameters are all there, with no other beside them."""
    kty, first, second = params.get(1), params.get(-1), params.get(-2)
    need(is_integer(kty, 1, 3), "an unknown key type")
    if kty == 3:
        need(set(params) == {1, -1, -2}, "parameters of an RSA key")
        need(is_bytes(first, *range(384, 513)) and second == bytes.fromhex("010001"), "modulus or exponent")
        need(first[0] != 0 and int.from_bytes(first, "big").bit_length() >= 3072, "a modulus that is too short")
        return RSA
    need(is_integer(first, 1, 6), "an unknown curve")
    need(is_bytes(second, 32), "an x of another size")
    if kty == 2 and first == 1:
        need(set(params) == {1, -1, -2, -3} and is_bytes(params[-3], 32), "parameters of a P-256 key")
        return P256
    need(kty == 1 and first in (4, 6) and set(params) == {1, -1, -2}, "parameters of an OKP key")
    return ED25519 if first == 6 else X25519


def signing_key(params: object) -> PublicKey:
    """A public key of a kind that signs."""
    key = public_key(params)
    need(key.type in SIGNING_ALG, "a key that does not sign")
    return key


def sealing_key(params: object) -> PublicKey:
    """A public key of a kind that messages are sealed to."""
    key = public_key(params)
    need(key.type in SEALING_ALG, "a key that does not seal")
    return key


def p256_public(key: PublicKey) -> ec.EllipticCurvePublicKey:
    x, y = (int.from_bytes(key.params[label], "big") for label in (-2, -3))
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


def rsa_numbers(key: PublicKey) -> rsa.RSAPublicNumbers:
    return rsa.RSAPublicNumbers(int.from_bytes(key.params[-2], "big"), int.from_bytes(key.params[-1], "big"))


def verifies(key: PublicKey, signature: bytes, message: bytes) -> bool:
    """Whether a signature is that of a key over a message (section 4.2)."""
    try:
        if key.type == ED25519:
            ed25519.Ed25519PublicKey.from_public_bytes(key.params[-2]).verify(signature, message)
        elif key.type == P256:
            if len(signature) != 64:
                return False
            r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
            if s > (P256_ORDER - 1) // 2:
                return False
            p256_public(key).verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
        else:
            if len(signature) != len(key.params[-1]):
                return False
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), salt_length=32)
            rsa_numbers(key).public_key().verify(signature, message, pss, hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


@dataclass(frozen=True)
class PrivateKey:
    """A private sealing key with its public half."""

    public: PublicKey
    native: object

    @property
    def alg(self) -> int:
        return SEALING_ALG[self.public.type]

    @property
    def kid(self) -> bytes:
        return self.public.thumbprint[:8]


def private_sealing_key(data: bytes) -> PrivateKey:
    """Reads a COSE_Key with private parameters: `d` is -4 (RFC 9053), for RSA they are -3 to -8 (RFC 8230)."""
    params = decode_map(data)
    secret = range(-3, -9, -1) if params.get(1) == 3 else (-4,)
    public = sealing_key({label: value for label, value in params.items() if label not in secret})
    need(all(is_bytes(params.get(label)) for label in secret), "a private parameter is missing")
    if public.type == X25519:
        return PrivateKey(public, x25519.X25519PrivateKey.from_private_bytes(params[-4]))
    numbers = [int.from_bytes(params[label], "big") for label in secret]
    if public.type == P256:
        return PrivateKey(public, ec.derive_private_key(numbers[0], ec.SECP256R1()))
    d, p, q, dp, dq, qinv = numbers
    return PrivateKey(public, rsa.RSAPrivateNumbers(p, q, d, dp, dq, qinv, rsa_numbers(public)).private_key())


def unwrap(key: PrivateKey, ephemeral: "PublicKey | None", wrapped: bytes, trace: dict) -> bytes:
    """The content encryption key of a recipient, or `CannotUnwrap`."""
    try:
        cek = unwrap_oaep(key, wrapped) if ephemeral is None else unwrap_ecdh(key, ephemeral, wrapped, trace)
    except (ValueError, keywrap.InvalidUnwrap) as error:
        raise CannotUnwrap(str(error)) from None
    if len(cek) != CEK_BYTES:
        raise CannotUnwrap("a key of another length")
    return cek


def unwrap_oaep(key: PrivateKey, wrapped: bytes) -> bytes:
    if len(wrapped) != len(key.public.params[-1]):
        raise CannotUnwrap("another length than the modulus")
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    return key.native.decrypt(wrapped, oaep)


def unwrap_ecdh(key: PrivateKey, ephemeral: PublicKey, wrapped: bytes, trace: dict) -> bytes:
    if ephemeral.type == X25519:
        secret = key.native.exchange(x25519.X25519PublicKey.from_public_bytes(ephemeral.params[-2]))
    else:
        secret = key.native.exchange(ec.ECDH(), p256_public(ephemeral))
    if secret == bytes(32):
        raise CannotUnwrap("a shared secret of zero")
    context = kdf_context(key.public, ephemeral)
    kek = HKDF(hashes.SHA256(), 32, None, context).derive(secret)
    trace.update(sharedSecret=secret, kdfContext=context, keyEncryptionKey=kek)
    return keywrap.aes_key_unwrap(kek, wrapped)


def kdf_context(recipient: PublicKey, ephemeral: PublicKey) -> bytes:
    """The COSE_KDF_Context of section 5.2."""
    other = encode([PROFILE, recipient.thumbprint, ephemeral.params[-2], ephemeral.params.get(-3)])
    return encode([-5, [None] * 3, [None] * 3, [256, ECDH_PROTECTED, other]])
