"""A reader of the SealMQ wire format, written from docs/wire-format.md alone.

It reads a JSON array of jobs from standard input and writes a JSON array of answers to standard output. Bytes are
hexadecimal in both. Each job has an `op`; the functions below say what else.
"""

import json
import sys

from cbor_strict import Malformed, decode, encode, walk
from control import read_control
from cose import SIGN_PREFIX, Unverified, is_address, purpose_aad, read_whole_sign1, refusal_of, verify_detached
from keys import PublicKey, private_sealing_key, public_key, signing_key
from link import follow_link, is_welcome, read_link
from message import open_message, read_batch
from records import follow_key_lists, succession, verify_record, verify_statement
from relay import open_at_relay, read_wake_note
from states import state_tag


def key_of(coded: str) -> PublicKey:
    return signing_key(decode(bytes.fromhex(coded)))


def look_up_for(sender: dict, now: int):
    """Answers the sender's key by a given answer (`key`, `refused`), or from the key records of `records`."""
    if "refused" in sender:
        return lambda iss, kid: sender["refused"]
    if "key" in sender:
        return lambda iss, kid: key_of(sender["key"])
    verified = [verify_record(bytes.fromhex(record)) for record in sender["records"]]
    records = {record.content["address"]: record for record in verified}
    return lambda iss, kid: records[iss].sender_key(kid, now) if iss in records else "unknown-sender"


def op_open(job: dict) -> dict:
    """`message`, `family`, `address`, private sealing `keys`, `now`, `sender` (see `look_up_for`)."""
    keys = [private_sealing_key(bytes.fromhex(key)) for key in job["keys"]]
    look_up = look_up_for(job["sender"], job["now"])
    return open_message(bytes.fromhex(job["message"]), job["family"], job["address"], keys, job["now"], look_up)


def op_record(job: dict) -> dict:
    """`record`, and `now` for the standing of its devices."""
    record = verify_record(bytes.fromhex(job["record"]))
    devices = [{**device.entry, "standing": device.standing(job["now"])} for device in record.devices]
    return {
        "kind": "verified",
        "address": record.content["address"],
        "version": record.content["version"],
        "hash": record.hash,
        "payload": record.payload,
        "identity": record.identity_key.thumbprint,
        "devices": devices,
    }


def op_succession(job: dict) -> dict:
    """`known` (or null) and `next`."""
    known, following = (job[name] and verify_record(bytes.fromhex(job[name])) for name in ("known", "next"))
    return succession(known, following)


def op_statement(job: dict) -> dict:
    """`sign1`, `purpose`, `key`; `payload` when it is detached."""
    data, key, purpose = bytes.fromhex(job["sign1"]), key_of(job["key"]), job["purpose"]
    detached = job["payload"] is not None
    sign1 = read_whole_sign1(data)
    payload = bytes.fromhex(job["payload"]) if detached else sign1.payload
    if detached:
        verify_detached(purpose, sign1, key, payload)
        content = decode(payload)
    else:
        content = verify_statement(purpose, data, key)
    structure = sign1.structure(purpose_aad(purpose), payload)
    return {"kind": "verified", "payload": payload, "sigStructure": structure, "content": list(content)}


def op_control(job: dict) -> dict:
    """`bytes`, the payload of a control message."""
    control = read_control(bytes.fromhex(job["bytes"]))
    flat = control.get("ranges")
    if flat is not None:
        control["ranges"] = [list(pair) for pair in zip(flat[::2], flat[1::2])]
    return {"kind": "verified", "control": control}


def op_batch(job: dict) -> dict:
    """`bytes`, the payload of a message that carries several: section 5.15."""
    return {"kind": "verified", "messages": read_batch(bytes.fromhex(job["bytes"]))}


def op_link(job: dict) -> dict:
    """`text`, `offer` and `reveal`, at `now`, and `welcome`: section 7.6."""
    link = read_link(job["text"])
    offer, reveal, welcome = (bytes.fromhex(job[name]) for name in ("offer", "reveal", "welcome"))
    record, digits = follow_link(link, offer, reveal, job["now"])
    structure = read_whole_sign1(offer).structure(
        encode([SIGN_PREFIX, "device-link", link.hash]), read_whole_sign1(offer).payload
    )
    answer = {"bytes": link.data, "hash": link.hash, "offerSigStructure": structure, "digits": digits}
    return {"kind": "verified", **answer, "linked": is_welcome(link, record.identity_key, welcome)}


def op_state_tag(job: dict) -> dict:
    """`key`, `device` and `channel`: section 5.11."""
    return {"kind": "verified", "tag": state_tag(bytes.fromhex(job["key"]), job["device"], job["channel"])}


def op_relay(job: dict) -> dict:
    """`word` (hand-in or update), `sealed`, the relay's private sealing `key` and `identity`, and the `speaker`'s key."""
    keys, identity = [private_sealing_key(bytes.fromhex(job["key"]))], bytes.fromhex(job["identity"])
    return open_at_relay(job["word"], bytes.fromhex(job["sealed"]), keys, identity, key_of(job["speaker"]))


def op_wake_note(job: dict) -> dict:
    """`note`, what a push brings."""
    return {"kind": "verified", "note": read_wake_note(job["note"])}


def op_key_lists(job: dict) -> dict:
    """`lists`, the key lists of a chain, and `pinned`, a thumbprint or null."""
    chain = encode([bytes.fromhex(each) for each in job["lists"]])
    trusted = follow_key_lists(chain, job["pinned"] and bytes.fromhex(job["pinned"]))
    return {"kind": "verified", "trusted": [key.thumbprint for key in trusted]}


def op_public_key(job: dict) -> dict:
    """`key`, a public COSE_Key."""
    key = public_key(decode(bytes.fromhex(job["key"])))
    return {"kind": "verified", "type": key.type, "thumbprint": key.thumbprint}


def op_private_key(job: dict) -> dict:
    """`key`, a private sealing COSE_Key."""
    key = private_sealing_key(bytes.fromhex(job["key"]))
    return {"kind": "verified", "type": key.public.type, "thumbprint": key.public.thumbprint}


def op_cbor(job: dict) -> dict:
    """`bytes`; an answer when they are one item of the profile, which then encodes to the same bytes again."""
    data = bytes.fromhex(job["bytes"])
    if walk(data) != len(data):
        raise Malformed("bytes behind the item")
    return {"kind": "verified", "again": encode(decode(data))}


def op_padding(job: dict) -> dict:
    """`length` and `minimum`: the padded length by Padmé (section 5.4)."""
    length = job["length"]
    if length <= job["minimum"]:
        return {"kind": "verified", "padded": job["minimum"]}
    exponent = length.bit_length() - 1
    unit = 1 << max(exponent - max(exponent, 1).bit_length(), 0)
    return {"kind": "verified", "padded": -(-length // unit) * unit}


def op_address(job: dict) -> dict:
    """`address`."""
    return {"kind": "verified" if is_address(job["address"]) else "malformed"}


OPS = {
    "open": op_open,
    "record": op_record,
    "succession": op_succession,
    "statement": op_statement,
    "key-lists": op_key_lists,
    "control": op_control,
    "batch": op_batch,
    "link": op_link,
    "relay": op_relay,
    "state-tag": op_state_tag,
    "wake-note": op_wake_note,
    "public-key": op_public_key,
    "private-key": op_private_key,
    "cbor": op_cbor,
    "padding": op_padding,
    "address": op_address,
}


def answer(job: dict) -> dict:
    try:
        return OPS[job["op"]](job)
    except (Malformed, Unverified) as error:
        return {"kind": refusal_of(error), "why": str(error)}


def to_json(value: object) -> object:
    """Bytes as hexadecimal; the maps of COSE_Keys with their labels as text."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(key): to_json(each) for key, each in value.items()}
    return [to_json(each) for each in value] if isinstance(value, list) else value


if __name__ == "__main__":
    json.dump(to_json([answer(job) for job in json.load(sys.stdin)]), sys.stdout)
