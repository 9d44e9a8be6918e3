"""COSE headers and COSE_Sign1 under the rules of sections 5.1, 5.5 and 6."""

import re
from dataclasses import dataclass

from cbor_strict import Malformed, decode_map, encode, is_bytes, is_text, need, walk
from keys import SIGNING_ALG, PublicKey, verifies
import cbor2

ALG, CRIT, KID = 1, 2, 4
SIGN_PREFIX = "sealmq/1 sign"

ADDRESS = re.compile("[a-z0-9][a-z0-9._-]{0,63}|~[a-z2-7]{52}")
RESERVED = ("room", "group", "relay")


class Unverified(Exception):
    """A signature is not that of the key, for the purpose, over the content."""


def is_address(value: object) -> bool:
    """Whether a value is an address (section 3)."""
    return is_text(value) and ADDRESS.fullmatch(value) is not None and value not in RESERVED


def protected_header(data: object) -> dict:
    """Decodes a protected header: the empty byte string, or a map that is not empty."""
    need(is_bytes(data), "a protected header that is no byte string")
    if data == b"":
        return {}
    header = decode_map(data)
    need(header, "an empty map as protected header")
    return header


def check_layer(protected: dict, unprotected: object) -> None:
    """The rules that hold for the two headers of every layer."""
    need(type(unprotected) is dict, "an unprotected header that is no map")
    need(CRIT not in protected and CRIT not in unprotected, "crit")
    need(not protected.keys() & unprotected.keys(), "a label in both headers")


@dataclass(frozen=True)
class Sign1:
    """A COSE_Sign1; `end` is the position behind it, `payload` is None when it is detached."""

    protected: bytes
    header: dict
    unprotected: dict
    payload: "bytes | None"
    signature: bytes
    end: int

    def structure(self, aad: bytes, payload: bytes) -> bytes:
        """The Sig_structure."""
        return encode(["Signature1", self.protected, aad, payload])

    def check(self, key: PublicKey, aad: bytes, payload: bytes) -> None:
        """Refuses a signature that is not by `key`, with its alg and its kid, over `payload`."""
        alg, kid = self.header.get(ALG), self.header.get(KID)
        if type(alg) is not int or alg != SIGNING_ALG.get(key.type):
            raise Unverified("alg is not that of the key")
        if kid != key.thumbprint:
            raise Unverified("kid is not the thumbprint of the key")
        if not verifies(key, self.signature, self.structure(aad, payload)):
            raise Unverified("the signature is wrong")


def read_sign1(data: bytes) -> Sign1:
    """The COSE_Sign1 that `data` begins with."""
    end = walk(data)
    item = cbor2.loads(data[:end])
    need(isinstance(item, cbor2.CBORTag) and item.tag == 18, "no COSE_Sign1")
    need(type(item.value) is list and len(item.value) == 4, "a COSE_Sign1 of another length")
    protected, unprotected, payload, signature = item.value
    header = protected_header(protected)
    check_layer(header, unprotected)
    need(payload is None or is_bytes(payload), "a payload that is neither bytes nor nil")
    need(is_bytes(signature), "a signature that is no byte string")
    return Sign1(protected, header, unprotected, payload, signature, end)


def read_whole_sign1(data: object) -> Sign1:
    """A COSE_Sign1 of section 6 with nothing behind it; `alg` and `kid` belong to its signature."""
    need(is_bytes(data), "a COSE_Sign1 that is no byte string")
    sign1 = read_sign1(data)
    need(sign1.end == len(data), "bytes behind the COSE_Sign1")
    return sign1


def read_with_payload(data: object) -> Sign1:
    """A COSE_Sign1 of section 6 that carries its payload."""
    sign1 = read_whole_sign1(data)
    need(sign1.payload is not None, "no payload")
    return sign1


def purpose_aad(purpose: str) -> bytes:
    """The additional data of every signature but that of a message."""
    return encode([SIGN_PREFIX, purpose])


def verify_for(purpose: str, sign1: Sign1, key: PublicKey, payload: bytes) -> None:
    """Refuses a signature of section 6 that is not by `key` for `purpose` over `payload`."""
    sign1.check(key, purpose_aad(purpose), payload)


def verify_detached(purpose: str, sign1: Sign1, key: PublicKey, payload: bytes) -> None:
    """The same for a signature that does not carry its payload."""
    if sign1.payload is not None:
        raise Unverified("a payload that should be detached")
    verify_for(purpose, sign1, key, payload)


def refusal_of(error: Exception) -> str:
    """`malformed` or `unverifiable`, for a structure that was refused."""
    return "malformed" if isinstance(error, Malformed) else "unverifiable"
