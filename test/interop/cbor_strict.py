"""The CBOR profile of the wire format, section 2.1.

cbor2 decodes far more than the profile allows, and loses how something was encoded. So every item is first walked head
by head over the bytes as received; only what passes is handed to cbor2.
"""

import cbor2

MAX_DEPTH = 16
LARGEST = 2**53 - 1
TAGS = (16, 18, 96)
SIMPLE = (20, 21, 22)  # false, true, null
BYTE_ORDER_MARK = bytes.fromhex("efbbbf")

UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE_OR_FLOAT = range(8)


class Malformed(Exception):
    """The bytes are not what the wire format demands."""


def read_head(data: bytes, pos: int) -> "tuple[int, int, int]":
    """The major type, the argument and the position behind a head, which must be in shortest form."""
    if pos >= len(data):
        raise Malformed("an item is missing")
    major, info = data[pos] >> 5, data[pos] & 31
    if info < 24:
        return major, info, pos + 1
    if info > 27:
        raise Malformed("an indefinite length or a reserved head")
    if major == SIMPLE_OR_FLOAT:
        raise Malformed("a float or another simple value")
    size = 1 << (info - 24)
    end = pos + 1 + size
    if end > len(data):
        raise Malformed("a head is cut")
    argument = int.from_bytes(data[pos + 1 : end], "big")
    if argument < (24 if size == 1 else 1 << (4 * size)):
        raise Malformed("a head is not in its shortest form")
    return major, argument, end


def walk(data: bytes, pos: int = 0, depth: int = 0) -> int:
    """Checks the item that begins at `pos`, with all that is in it, and returns the position behind it."""
    if depth > MAX_DEPTH:
        raise Malformed("nested too deeply")
    major, argument, pos = read_head(data, pos)
    if major == UNSIGNED:
        if argument > LARGEST:
            raise Malformed("an integer out of range")
        return pos
    if major == NEGATIVE:
        if argument + 1 > LARGEST:
            raise Malformed("an integer out of range")
        return pos
    if major in (BYTES, TEXT):
        return walk_string(data, pos, argument, major == TEXT)
    if major == ARRAY:
        for _ in range(argument):  # a count without items fails at the end of the bytes
            pos = walk(data, pos, depth + 1)
        return pos
    if major == MAP:
        return walk_map(data, pos, argument, depth)
    if major == TAG:
        if argument not in TAGS:
            raise Malformed("another tag")
        return walk(data, pos, depth + 1)
    if argument not in SIMPLE:
        raise Malformed("another simple value")
    return pos


def walk_string(data: bytes, pos: int, length: int, is_text: bool) -> int:
    """Checks a byte or text string whose head was read."""
    end = pos + length
    if end > len(data):
        raise Malformed("a string is cut")
    if is_text:
        if data.startswith(BYTE_ORDER_MARK, pos, end):
            raise Malformed("text that begins with a byte order mark")
        try:
            data[pos:end].decode("utf-8", "strict")
        except UnicodeDecodeError:
            raise Malformed("text that is not UTF-8") from None
    return end


def walk_map(data: bytes, pos: int, pairs: int, depth: int) -> int:
    """Checks a map whose head was read: the types, order and uniqueness of its keys too."""
    previous = b""
    for _ in range(pairs):
        start = pos
        pos = walk(data, start, depth + 1)
        if data[start] >> 5 not in (UNSIGNED, NEGATIVE, TEXT):
            raise Malformed("a key that is neither an integer nor text")
        if data[start:pos] <= previous:
            raise Malformed("keys that are not in order, or twice")
        previous = data[start:pos]
        pos = walk(data, pos, depth + 1)
    return pos


def decode(data: bytes) -> object:
    """Decodes bytes that are exactly one item."""
    if walk(data) != len(data):
        raise Malformed("bytes behind the item")
    return cbor2.loads(data)


def decode_map(data: bytes) -> dict:
    """Decodes bytes that are exactly one map."""
    decoded = decode(data)
    if type(decoded) is not dict:
        raise Malformed("not a map")
    return decoded


def array_spans(data: bytes, pos: int, depth: int = 0) -> "list[tuple[int, int]]":
    """Begin and end of each element of the array at `pos`; each is checked at `depth`."""
    major, count, pos = read_head(data, pos)
    if major != ARRAY:
        raise Malformed("not an array")
    spans = []
    for _ in range(count):
        end = walk(data, pos, depth)
        spans.append((pos, end))
        pos = end
    return spans


def encode(value: object) -> bytes:
    """Encodes deterministically. The maps of this reader are written in the order of their encoded keys."""
    return cbor2.dumps(value)


def need(condition: object, what: str) -> None:
    """Refuses what does not meet a condition."""
    if not condition:
        raise Malformed(what)


def is_integer(value: object, least: int, most: int = LARGEST) -> bool:
    """Whether a value is an integer (`True` is none) in a range."""
    return type(value) is int and least <= value <= most


def is_bytes(value: object, *sizes: int) -> bool:
    """Whether a value is a byte string, of one of the sizes if there are any."""
    return type(value) is bytes and (not sizes or len(value) in sizes)


def is_text(value: object, least: int = 0, most: int = LARGEST) -> bool:
    """Whether a value is text of a length, counted in UTF-16 code units (section 2.2)."""
    return type(value) is str and least <= len(value.encode("utf-16-le")) // 2 <= most
