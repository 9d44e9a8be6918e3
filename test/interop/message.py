"""Sealed messages: the steps of section 5.7, in their order."""

from dataclasses import dataclass

import cbor2
from cbor_strict import Malformed, array_spans, decode, encode, is_bytes, is_integer, is_text, need
from cose import ALG, KID, SIGN_PREFIX, Sign1, Unverified, check_layer, is_address, protected_header, read_sign1
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from keys import ECDH_ES_A256KW, ECDH_PROTECTED, PROFILE, RSAES_OAEP, X25519, P256
from keys import CannotUnwrap, PrivateKey, PublicKey, public_key, sha256, unwrap

MAX_MESSAGE = 1_572_864
MAX_RECIPIENTS = 256
MAX_HEADERS = 1_024
MAX_RECIPIENTS_ARRAY = 524_288
SKEW = 300
TYP = "application/vnd.sealmq+cose"
CONTENT_TYPE, IV, CLAIMS, TYP_LABEL, EPHEMERAL = 3, 5, 15, 16, -1
SEQ, CHANNEL, STREAM, TO, IN_REPLY_TO, VERSION, TAG_KEY = range(-65537, -65544, -1)
ISS, AUD, EXP, IAT, CTI = 1, 3, 4, 6, 7
MAX_BATCH = 256
BATCH = "application/vnd.sealmq.batch+cbor"
BATCHED = ("contentType", "channel", "inReplyTo")
MEDIA_TYPES = {
    0: "text/plain;charset=utf-8",
    42: "application/octet-stream",
    50: "application/json",
    60: "application/cbor",
}


class Outcome(Exception):
    """An outcome other than `opened`."""

    def __init__(self, kind: str, **more: str) -> None:
        super().__init__(kind)
        self.answer = {"kind": kind, **more}


@dataclass(frozen=True)
class Recipient:
    """One of the recipients array; `alg` is None when it is of an unknown algorithm."""

    alg: "int | None"
    kid: bytes
    ephemeral: "PublicKey | None"
    wrapped: bytes

    def is_for(self, key: PrivateKey) -> bool:
        fits = self.ephemeral is None or self.ephemeral.type == key.public.type
        return self.alg == key.alg and self.kid == key.kid and fits


@dataclass(frozen=True)
class Outer:
    """The outer structure, with the bytes that later steps are over."""

    protected: bytes
    iv: bytes
    ciphertext: bytes
    recipients: "list[Recipient]"
    recipients_array: bytes


def read_outer(data: bytes) -> Outer:
    """Step 2. The depth counts anew for each of the four fields."""
    need(data[:2] == bytes.fromhex("d860"), "no COSE_Encrypt")
    spans = array_spans(data, 2)
    need(len(spans) == 4 and spans[3][1] == len(data), "not four fields, or bytes behind them")
    # From the head of `protected` to the end of `unprotected`.
    need(spans[1][1] - spans[0][0] <= MAX_HEADERS, "headers that are too long")
    need(spans[3][1] - spans[3][0] <= MAX_RECIPIENTS_ARRAY, "a recipients array that is too long")
    protected, unprotected, ciphertext, recipients = (cbor2.loads(data[begin:end]) for begin, end in spans)
    header = protected_header(protected)
    check_layer(header, unprotected)
    need(type(header.get(ALG)) is int and header[ALG] == 3, "alg")
    need(header.get(TYP_LABEL) == TYP, "typ")
    need(is_bytes(unprotected.get(IV), 12), "iv")
    need(is_bytes(ciphertext), "no ciphertext")
    need(type(recipients) is list and 1 <= len(recipients) <= MAX_RECIPIENTS, "recipients")
    read = [read_recipient(recipient) for recipient in recipients]
    need(len({recipient.kid for recipient in read}) == len(read), "a kid twice")
    return Outer(protected, unprotected[IV], ciphertext, read, data[slice(*spans[3])])


def read_recipient(item: object) -> Recipient:
    need(type(item) is list and len(item) == 3, "a recipient that is no array of three")
    protected, unprotected, wrapped = item
    header = protected_header(protected)
    check_layer(header, unprotected)
    need(not any(label in header or label in unprotected for label in range(-26, -19)), "salt or party information")
    kid, alg = unprotected.get(KID), header.get(ALG, unprotected.get(ALG))
    need(is_bytes(kid, 8), "the kid of a recipient")
    need(is_bytes(wrapped), "a wrapped key that is no byte string")
    need(type(alg) in (int, str), "the alg of a recipient")
    if alg == ECDH_ES_A256KW:
        need(protected == ECDH_PROTECTED and len(wrapped) == 40, "the form of an ECDH recipient")
        ephemeral = public_key(unprotected.get(EPHEMERAL))
        need(ephemeral.type in (X25519, P256), "the curve of an ephemeral key")
        return Recipient(alg, kid, ephemeral, wrapped)
    if alg == RSAES_OAEP:
        need(protected == b"" and 384 <= len(wrapped) <= 512, "the form of an RSA recipient")
        return Recipient(alg, kid, None, wrapped)
    return Recipient(None, kid, None, wrapped)


def find_ceks(outer: Outer, keys: "list[PrivateKey]") -> "list[tuple[bytes, dict]]":
    """Steps 3 and 4: what unwraps, and how it came about."""
    mine = [(recipient, key) for key in keys for recipient in outer.recipients if recipient.is_for(key)]
    if not mine:
        raise Outcome("not-for-me")
    ceks = []
    for recipient, key in mine:
        trace: dict = {}
        try:
            ceks.append((unwrap(key, recipient.ephemeral, recipient.wrapped, trace), trace))
        except CannotUnwrap:
            continue
    return ceks


def decrypt(outer: Outer, ceks: list, family: str, address: str, trace: dict) -> "tuple[bytes, bool]":
    """Step 5: the plaintext, and whether it needed the reader's address."""
    for audience in (address, None):
        aad = encode([PROFILE, family, audience])
        structure = encode(["Encrypt", outer.protected, aad])
        for cek, unwrapping in ceks:
            try:
                plaintext = AESGCM(cek).decrypt(outer.iv, outer.ciphertext, structure)
            except (InvalidTag, ValueError):
                continue
            trace.update(unwrapping, contentEncryptionKey=cek)
            trace.update(externalAad=aad, encStructure=structure, plaintext=plaintext)
            return plaintext, audience is not None
    raise Outcome("unverifiable")


def read_signed_part(plaintext: bytes) -> Sign1:
    """Step 6."""
    sign1 = read_sign1(plaintext)
    need(sign1.payload is not None, "a detached payload")
    need(is_bytes(sign1.header.get(KID)), "a kid that is no byte string")
    need(not any(plaintext[sign1.end :]), "padding that is not zero")
    return sign1


def read_claims(header: dict) -> dict:
    """Step 7: the parameters, under names."""
    claims = header.get(CLAIMS)
    need(type(claims) is dict, "no claims")
    audience = claims.get(AUD)
    need(is_address(claims.get(ISS)), "iss")
    need(is_address(audience) or is_sorted_list(audience), "aud")
    need(is_integer(claims.get(IAT), 0), "iat")
    need(is_bytes(claims.get(CTI), 16), "cti")
    found = {"from": claims[ISS], "audience": audience, "issuedAt": claims[IAT], "id": claims[CTI]}
    several = len(audience) if type(audience) is list else None
    return {**found, **read_optional(optional_claims(header, claims, several))}


def optional_claims(header: dict, claims: dict, several: "int | None") -> tuple:
    """Name, where it stands, its label, and what it must be."""
    return (
        ("expiresAt", claims, EXP, lambda value: is_integer(value, 0)),
        ("contentType", header, CONTENT_TYPE, lambda value: is_integer(value, 0) or is_text(value, 1, 128)),
        ("seq", header, SEQ, lambda value: is_numbering(value, several)),
        ("channel", header, CHANNEL, lambda value: is_text(value, 1, 256)),
        ("stream", header, STREAM, lambda value: is_integer(value, 0)),
        ("to", header, TO, is_address),
        ("inReplyTo", header, IN_REPLY_TO, lambda value: is_bytes(value, 16)),
        ("version", header, VERSION, lambda value: is_integer(value, 0)),
        ("tagKey", header, TAG_KEY, lambda value: is_bytes(value, 32)),
    )


def read_optional(fields) -> dict:
    found = {}
    for name, source, label, is_right in fields:
        if label in source:
            need(is_right(source[label]), name)
            found[name] = source[label]
    if type(found.get("contentType")) is int:
        found["contentType"] = MEDIA_TYPES.get(found["contentType"], found["contentType"])
    return found


def read_batch(payload: bytes) -> "list[dict]":
    """Section 5.15: the claims and the payload of each message that a sealed one carries."""
    items = decode(payload)
    need(type(items) is list and len(items) % 2 == 0, "not in pairs")
    need(4 <= len(items) <= 2 * MAX_BATCH, "the number of messages")
    return [read_batched(header, content) for header, content in zip(items[::2], items[1::2])]


def read_batched(header: object, payload: object) -> dict:
    need(type(header) is dict and is_bytes(payload), "claims and payload")
    claims = header.get(CLAIMS)
    need(type(claims) is dict and is_bytes(claims.get(CTI), 16), "cti")
    need(header.get(CONTENT_TYPE) != BATCH, "a batch within a batch")
    own = (one for one in optional_claims(header, claims, None) if one[0] in BATCHED)
    return {"id": claims[CTI], **read_optional(own), "payload": payload}


def is_sorted_list(value: object) -> bool:
    """Whether a value is an array of addresses, ascending, none twice."""
    if type(value) is not list or not 1 <= len(value) <= MAX_RECIPIENTS or not all(map(is_address, value)):
        return False
    return all(before < after for before, after in zip(value, value[1:]))


def is_numbering(value: object, several: "int | None") -> bool:
    """Whether `seq` is a number for one receiver, or as many numbers as there are receivers."""
    if several is None:
        return is_integer(value, 1)
    return type(value) is list and len(value) == several and all(is_integer(number, 1) for number in value)


def check_receiver(audience: object, address: str, needed_address: bool) -> None:
    """Step 8."""
    fits = audience == address if needed_address else type(audience) is list and address in audience
    if not fits:
        raise Outcome("unverifiable")


def open_message(data: bytes, family: str, address: str, keys: "list[PrivateKey]", now: int, look_up) -> dict:
    """Opens a message. `look_up(iss, kid)` answers a public key, or the reason why there is none."""
    trace: dict = {}
    try:
        return run_steps(data, family, address, keys, now, look_up, trace)
    except Malformed as error:
        return {"kind": "malformed", "why": str(error), "trace": trace}
    except Unverified as error:
        return {"kind": "unverifiable", "why": str(error), "trace": trace}
    except Outcome as outcome:
        return {**outcome.answer, "trace": trace}


def run_steps(data, family, address, keys, now, look_up, trace) -> dict:
    need(len(data) <= MAX_MESSAGE, "too long")
    outer = read_outer(data)
    ceks = find_ceks(outer, keys)
    plaintext, needed_address = decrypt(outer, ceks, family, address, trace)
    sign1 = read_signed_part(plaintext)
    claims = read_claims(sign1.header)
    check_receiver(claims["audience"], address, needed_address)

    key = look_up(claims["from"], sign1.header[KID])
    if type(key) is str:
        raise Outcome("sender-refused", reason=key)
    recipients_hash = sha256(outer.recipients_array)
    aad = encode([SIGN_PREFIX, "message", family, recipients_hash])
    trace.update(iv=outer.iv, recipientsArray=outer.recipients_array)
    trace.update(recipientsHash=recipients_hash, sigStructure=sign1.structure(aad, sign1.payload))
    sign1.check(key, aad, sign1.payload)

    if claims.get("expiresAt", now + 1) <= now:
        raise Outcome("expired")
    if claims["issuedAt"] > now + SKEW:
        raise Outcome("from-the-future")
    return {"kind": "opened", "payload": sign1.payload, "claims": claims, "trace": trace}
