"""Key records (section 7) and the statements of the key directory (section 8)."""

import re
from dataclasses import dataclass

from cbor_strict import decode, decode_map, encode, is_bytes, is_integer, is_text, need
from cose import KID, Unverified, is_address, read_whole_sign1, read_with_payload, verify_detached, verify_for
from keys import PublicKey, public_key, sealing_key, sha256, signing_key

MAX_RECORD = 65_536
MAIL_IN_FLIGHT = 3_888_000
DEVICE_ID = re.compile("[a-z2-7]{16}")


@dataclass(frozen=True)
class Device:
    """An entry of a record."""

    entry: dict
    sign: PublicKey
    seal: PublicKey

    def standing(self, now: int) -> str:
        """Section 7.5: `active`, `good`, `retired` or `revoked`."""
        not_after = self.entry.get("notAfter")
        if "revokedAt" in self.entry:
            return "revoked"
        if not_after is None or not_after > now:
            return "active"
        return "good" if now <= not_after + MAIL_IN_FLIGHT else "retired"


@dataclass(frozen=True)
class Record:
    """A record that verified."""

    content: dict
    payload: bytes
    hash: bytes
    identity_key: PublicKey
    devices: "list[Device]"

    def sender_key(self, kid: bytes, now: int) -> "PublicKey | str":
        """Step 9 of section 5.7: the key of a sender, or the reason why there is none."""
        for device in self.devices:
            if device.sign.thumbprint == kid:
                standing = device.standing(now)
                return device.sign if standing in ("active", "good") else standing
        return "unknown-key"


def verify_record(data: bytes) -> Record:
    """Section 7.4, in its order."""
    need(len(data) <= MAX_RECORD, "a record that is too long")
    sign1 = read_with_payload(data)
    need(sign1.unprotected == {}, "an unprotected header in a record")
    content = decode_map(sign1.payload)
    check_form(content)
    identity_key = public_key(content.get("identityKey"))
    devices = [read_device(entry) for entry in content["devices"]]
    verify_for("record", sign1, identity_key, sign1.payload)
    for device in devices:
        payload = device_proof_payload(content["address"], identity_key, device)
        verify_detached("device-proof", read_whole_sign1(device.entry["proof"]), device.sign, payload)
    prints = [key.thumbprint for device in devices for key in (device.sign, device.seal)] + [identity_key.thumbprint]
    need(len(set(prints)) == len(prints), "a key twice")
    return Record(content, sign1.payload, sha256(data), identity_key, devices)


def check_form(content: dict) -> None:
    """The form of section 7.1 but for keys and devices."""
    need(is_address(content.get("address")), "address")
    need(is_integer(content.get("version"), 1), "version")
    need(is_integer(content.get("issuedAt"), 0) and is_integer(content.get("expiresAt"), 0), "times")
    need(("previous" in content) == (content["version"] > 1), "previous in version 1, or not in a later one")
    need("previous" not in content or is_bytes(content["previous"], 32), "previous")
    capabilities = content.get("capabilities")
    need(type(capabilities) is dict, "capabilities")
    for name in ("profiles", "suites"):
        names = capabilities.get(name)
        need(type(names) is list and len(names) <= 32 and all(is_text(each, 1, 64) for each in names), name)
    devices = content.get("devices")
    need(type(devices) is list and 1 <= len(devices) <= 64, "devices")
    current = [entry.get("id") for entry in devices if type(entry) is dict and not {"notAfter", "revokedAt"} & set(entry)]
    need(len(set(map(str, current))) == len(current), "one id for two devices")
    if "identityChange" in content:
        read_whole_sign1(content["identityChange"])


def read_device(entry: object) -> Device:
    need(type(entry) is dict, "a device that is no map")
    need(is_text(entry.get("id")) and DEVICE_ID.fullmatch(entry["id"]), "id")
    need("name" not in entry or is_text(entry["name"], 1, 64), "name")
    need(is_integer(entry.get("notBefore"), 0), "notBefore")
    need(all(is_integer(entry[name], 0) for name in ("notAfter", "revokedAt") if name in entry), "times of a device")
    read_whole_sign1(entry.get("proof"))
    return Device(entry, signing_key(entry.get("signKey")), sealing_key(entry.get("sealKey")))


def device_proof_payload(address: str, identity_key: PublicKey, device: Device) -> bytes:
    """What a device proof is over, in the order of the encoded keys (section 7.2)."""
    content = {"id": device.entry["id"], "address": address, "sealKey": device.seal.params}
    return encode({**content, "signKey": device.sign.params, "identity": identity_key.thumbprint})


def identity_change_payload(address: str, identity_key: PublicKey) -> bytes:
    """What an identity change is over (section 7.3)."""
    return encode({"address": address, "identityKey": identity_key.params})


def succession(known: "Record | None", following: Record) -> dict:
    """What a record is to the one accepted last: the first line of the table in section 7.4 that applies."""
    if known is None:
        return {"kind": "first"}
    if following.content["address"] != known.content["address"]:
        return {"kind": "wrong-address"}
    if following.hash == known.hash:
        return {"kind": "unchanged"}
    version, known_version = following.content["version"], known.content["version"]
    if following.identity_key.thumbprint != known.identity_key.thumbprint:
        if is_vouched(following, known):
            return {"kind": "rollback"}
        return {"kind": "identity-changed", "vouched": version > known_version and is_vouched(known, following)}
    if version < known_version:
        return {"kind": "rollback"}
    if version == known_version or (version == known_version + 1 and following.content["previous"] != known.hash):
        return {"kind": "conflict"}
    dropped = [name for name in names_of(known) if name not in names_of(following)]
    return {"kind": "newer", "dropped": dropped}


def names_of(record: Record) -> "list[str]":
    """The names in the capabilities of a record: profiles, then suites."""
    return [name for part in ("profiles", "suites") for name in record.content["capabilities"][part]]


def is_vouched(before: Record, after: Record) -> bool:
    """Whether the identity key of one record vouches for that of another."""
    if "identityChange" not in after.content:
        return False
    payload = identity_change_payload(after.content["address"], after.identity_key)
    change = read_whole_sign1(after.content["identityChange"])
    try:
        verify_detached("identity-change", change, before.identity_key, payload)
    except Unverified:
        return False
    return True


def is_seconds(value: object) -> bool:
    return is_integer(value, 0)


def are_keys(value: object) -> bool:
    return type(value) is list and 1 <= len(value) <= 8 and all(signing_key(params) for params in value)


STATEMENTS = {  # section 8; "?" marks what may be absent
    "freshness": {
        "address": is_address,
        "record": lambda value: is_bytes(value, 32),
        "version": is_seconds,
        "servedAt": is_seconds,
        "maxAge": is_seconds,
    },
    "negative": {"address": is_address, "servedAt": is_seconds, "maxAge": is_seconds},
    "time": {"nonce": lambda value: is_bytes(value, *range(16, 65)), "now": is_seconds},
    "key-list": {"keys": are_keys, "issuedAt": is_seconds, "?expiresAt": is_seconds},
}


def read_statement(purpose: str, payload: bytes) -> dict:
    """The content of a statement, whose signature is another matter."""
    content = decode_map(payload)
    for name, is_right in STATEMENTS[purpose].items():
        optional, name = name.startswith("?"), name.lstrip("?")
        need((optional and name not in content) or (name in content and is_right(content[name])), name)
    return content


def verify_statement(purpose: str, data: bytes, key: PublicKey) -> dict:
    """The content of a statement of the directory that is signed by `key`."""
    sign1 = read_with_payload(data)
    verify_for(purpose, sign1, key, sign1.payload)
    return read_statement(purpose, sign1.payload)


@dataclass(frozen=True)
class KeyList:
    """The directory's keys by a list of section 8.4, or a pinned one."""

    keys: "list[PublicKey]"
    issued_at: int = 0


def key_list(content: dict) -> KeyList:
    return KeyList([signing_key(params) for params in content["keys"]], content["issuedAt"])


def follow_key_lists(chain: bytes, pinned: "bytes | None") -> "list[PublicKey]":
    """Section 8.4: the keys that are trusted behind a chain of lists, beginning with a pin or with nothing."""
    lists = decode(chain)
    need(type(lists) is list and 1 <= len(lists) <= 16, "a chain of key lists")
    if pinned is None:
        keys = named_by(lists[-1])
        return key_list(verify_statement("key-list", lists[-1], signer_of(lists[-1], keys))).keys
    trusted = KeyList([pinned_key(lists, pinned)])
    for data in lists:
        try:
            signer = signer_of(data, trusted.keys)
        except Unverified:
            continue
        following = key_list(verify_statement("key-list", data, signer))
        if following.issued_at >= trusted.issued_at:
            trusted = following
    return trusted.keys


def named_by(data: bytes) -> "list[PublicKey]":
    """The keys that a list names, on its word alone."""
    return key_list(read_statement("key-list", read_with_payload(data).payload)).keys


def signer_of(data: bytes, keys: "list[PublicKey]") -> PublicKey:
    """The one of some keys whose `kid` a list bears."""
    kid = read_whole_sign1(data).header.get(KID)
    for key in keys:
        if key.thumbprint == kid:
            return key
    raise Unverified("a list that is signed by none of the keys")


def pinned_key(lists: "list[bytes]", pinned: bytes) -> PublicKey:
    """The key of a thumbprint, out of the last list that names it."""
    for data in reversed(lists):
        for key in named_by(data):
            if key.thumbprint == pinned:
                return key
    raise Unverified("no list names the pinned key")
