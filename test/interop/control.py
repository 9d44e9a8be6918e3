"""Control messages: section 5.10."""

from cbor_strict import decode_map, is_bytes, is_integer, is_text, need

MAX_RANGES = 64
REASONS = ("expired", "not-recipient", "gone")


def is_number(value: object) -> bool:
    return is_integer(value, 0)


def is_device(value: object) -> bool:
    return is_text(value, 1, 64)


def is_channel(value: object) -> bool:
    return is_text(value, 1, 256)


def are_ranges(value: object) -> bool:
    """Pairs in one flat array, each from its first to its last number, in order and apart."""
    if type(value) is not list or len(value) % 2 or len(value) > 2 * MAX_RANGES:
        return False
    if not all(is_integer(number, 1) for number in value):
        return False
    firsts, lasts = value[::2], value[1::2]
    in_pairs = all(first <= last for first, last in zip(firsts, lasts))
    return in_pairs and all(last < first for last, first in zip(lasts, firsts[1:]))


FIELDS = {
    "receipt": {
        "device": is_device,
        "stream": is_number,
        "from": is_number,
        "upTo": is_number,
        "ranges": are_ranges,
    },
    "resend": {"device": is_device, "stream": is_number, "ranges": are_ranges},
    "skip": {"stream": is_number, "ranges": are_ranges, "reason": lambda value: value in REASONS},
    "refuse": {"device": is_device, "stream": is_number, "newest": is_number},
    "withdraw": {"channel": is_channel, "version": is_number},
    "record": {"record": is_bytes},
    "link": {"statement": is_bytes},
}

OPTIONAL = ("channel",)


def read_control(payload: bytes) -> dict:
    """The payload of a control message: the fields of its kind."""
    content = decode_map(payload)
    kind = content.get("kind")
    need(is_text(kind) and kind in FIELDS, "an unknown kind")
    for name, is_right in FIELDS[kind].items():
        need(is_right(content[name]) if name in content else name in OPTIONAL, name)
    return {name: content[name] for name in ("kind", *FIELDS[kind]) if name in content}
