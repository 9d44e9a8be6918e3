"""The device link: section 7.6."""

from base64 import urlsafe_b64decode
from dataclasses import dataclass

from cbor_strict import decode_map, encode, is_bytes, need
from cose import SIGN_PREFIX, Unverified, is_address, read_whole_sign1, read_with_payload, verify_detached
from keys import PublicKey, sha256
from records import Device, Record, device_proof_payload, read_device, verify_record

PREFIX = "sealmq:link/"
LIFETIME = 600
STEPS = {"offer": ("nonce", "record"), "reveal": ("nonce",), "welcome": ("record",)}


@dataclass(frozen=True)
class Link:
    """What a new device shows."""

    data: bytes
    address: str
    secret: bytes
    device: Device

    @property
    def hash(self) -> bytes:
        return sha256(self.data)


def read_link(text: str) -> Link:
    """A link, from its text."""
    need(text.startswith(PREFIX), "no link")
    encoded = text[len(PREFIX) :]
    data = urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    content = decode_map(data)
    need(is_address(content.get("address")), "address")
    need(is_bytes(content.get("secret"), 32), "secret")
    return Link(data, content["address"], content["secret"], read_device(content.get("device")))


def check_proof(link: Link, identity_key: PublicKey, now: int) -> None:
    """That the link holds, and that its proof is for this identity."""
    if not now <= link.device.entry["notBefore"] + LIFETIME:
        raise Unverified("a link that has expired")
    if {"notAfter", "revokedAt"} & set(link.device.entry):
        raise Unverified("a device that is retired or revoked")
    payload = device_proof_payload(link.address, identity_key, link.device)
    verify_detached("device-proof", read_whole_sign1(link.device.entry["proof"]), link.device.sign, payload)


def read_statement(link: Link, step: str, data: bytes, key: PublicKey) -> dict:
    """The content of a statement about this very link."""
    sign1 = read_with_payload(data)
    content = decode_map(sign1.payload)
    need(content.get("step") == step, "another step")
    for name in STEPS[step]:
        need(is_bytes(content.get(name), 32) if name == "nonce" else is_bytes(content.get(name)), name)
    sign1.check(key, encode([SIGN_PREFIX, "device-link", link.hash]), sign1.payload)
    return content


def follow_link(link: Link, offer: bytes, reveal: bytes, now: int) -> "tuple[Record, str]":
    """The record that the offer names, and the six digits that both sides show."""
    claimed = decode_map(read_with_payload(offer).payload)
    need(is_bytes(claimed.get("record")), "record")
    record = verify_record(claimed["record"])
    if record.content["address"] != link.address:
        raise Unverified("the record of another address")
    check_proof(link, record.identity_key, now)
    offered = read_statement(link, "offer", offer, record.identity_key)
    revealed = read_statement(link, "reveal", reveal, link.device.sign)
    if sha256(revealed["nonce"]) != link.secret:
        raise Unverified("another nonce than the link commits to")
    identity = record.identity_key.thumbprint
    nonces = [offered["nonce"], revealed["nonce"]]
    number = int.from_bytes(sha256(encode(["sealmq/1 link digits", link.hash, identity, *nonces]))[:5], "big")
    return record, f"{number % 1_000_000:06}"


def is_welcome(link: Link, identity_key: PublicKey, data: bytes) -> bool:
    """Whether a welcome, which must be by this identity, lets the device in: its entry is in the record."""
    record = verify_record(read_statement(link, "welcome", data, identity_key)["record"])
    if record.identity_key.thumbprint != identity_key.thumbprint or record.content["address"] != link.address:
        raise Unverified("a record of somebody else")
    wanted = (link.device.sign.thumbprint, link.device.seal.thumbprint)
    return any(
        (each.sign.thumbprint, each.seal.thumbprint) == wanted and not {"notAfter", "revokedAt"} & set(each.entry)
        for each in record.devices
    )
