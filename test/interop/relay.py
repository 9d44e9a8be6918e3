"""What is said to a relay, and what a push brings: sections 5.13 and 5.14."""

from base64 import urlsafe_b64decode

from cbor_strict import LARGEST, Malformed, decode_map, is_bytes, is_integer, is_text, need, walk
from cose import Unverified, is_address, read_sign1, verify_for
from keys import PrivateKey, PublicKey, sha256
from message import Outcome, decrypt, find_ceks, read_outer

RELAY = "relay"
MAX_RECEIVERS = 256


def is_hash(value: object) -> bool:
    return is_bytes(value, 32)


def is_seconds(value: object) -> bool:
    return is_integer(value, 0)


def is_sender(value: object) -> bool:
    """An address, or the opening of a registration id."""
    if type(value) is not dict:
        return is_address(value)
    info, record = value.get("infoOk"), value.get("record")
    is_named = is_text(value.get("userId")) and is_hash(value.get("verificationHash"))
    return is_named and is_bytes(info) and len(info) <= 2048 and is_bytes(record) and len(record) <= 65536


def are_receivers(value: object) -> bool:
    if type(value) is not list or not 1 <= len(value) <= MAX_RECEIVERS or not all(map(is_address, value)):
        return False
    return all(before < after for before, after in zip(value, value[1:]))


def is_subscription(value: object) -> bool:
    if type(value) is not dict:
        return False
    endpoint, expires = value.get("endpoint"), value.get("expiresAt", 0)
    is_place = is_text(endpoint, 1, 2048) and endpoint.startswith("https://")
    return is_place and is_bytes(value.get("p256dh"), 65) and is_bytes(value.get("auth"), 16) and is_seconds(expires)


def is_wake(value: object) -> bool:
    return is_bytes(value) and len(value) <= 4096


TOLD = {
    "relay": is_hash,
    "sender": is_sender,
    "iat": is_seconds,
    "nonce": lambda value: is_bytes(value, 16),
}
HAND_IN = {
    **TOLD,
    "receivers": are_receivers,
    "message": is_hash,
    "family": lambda value: value in ("signal", "control"),
    "wake": is_wake,
}
UPDATES = {
    "push": {**TOLD, "number": lambda value: is_integer(value, 0, LARGEST), "subscription": is_subscription},
    "heard": {**TOLD, "message": is_hash},
}
OPTIONAL = ("family", "wake", "subscription")


def check_fields(content: dict, fields: dict) -> None:
    for name, is_right in fields.items():
        need(is_right(content[name]) if name in content else name in OPTIONAL, name)


def read_statement(word: str, payload: bytes) -> dict:
    content = decode_map(payload)
    if word == "update":
        need(content.get("type") in UPDATES, "an unknown type")
    check_fields(content, UPDATES[content["type"]] if word == "update" else HAND_IN)
    return content


def open_at_relay(word: str, data: bytes, keys: "list[PrivateKey]", identity: bytes, speaker: PublicKey) -> dict:
    """What `speaker` says to the relay of that identity: `hand-in` or `update`."""
    outer = read_outer(data)
    try:
        plaintext, is_relays = decrypt(outer, find_ceks(outer, keys), word, RELAY, {})
    except Outcome as outcome:
        return outcome.answer
    sign1 = read_sign1(plaintext)
    need(sign1.payload is not None, "a detached payload")
    content = read_statement(word, sign1.payload)
    end = walk(plaintext, sign1.end) if word == "hand-in" else sign1.end
    need(not any(plaintext[end:]), "padding that is not zero")
    message = plaintext[sign1.end : end]
    if not is_relays or content["relay"] != identity:
        return {"kind": "not-for-me"}
    verify_for(word, sign1, speaker, sign1.payload)
    if word == "update":
        return {"kind": "verified", "statement": sign1.payload}
    if sha256(message) != content["message"]:
        raise Unverified("another message than the statement names")
    return {"kind": "verified", "statement": sign1.payload, "message": message}


def read_wake_note(text: str) -> dict:
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise Malformed("no base64url") from error
    content = decode_map(data)
    need(content.get("type") == "call", "another type")
    need(is_bytes(content.get("dial", b"")), "dial")
    return {name: content[name] for name in ("type", "dial") if name in content}
