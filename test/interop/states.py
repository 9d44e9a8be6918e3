"""Where a state lies: section 5.11."""

from base64 import urlsafe_b64encode

from cbor_strict import encode
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def state_tag(key: bytes, device: str, channel: str) -> str:
    """The last level of the topic."""
    info = encode(["sealmq/1 state", device, channel])
    tag = HKDF(algorithm=SHA256(), length=16, salt=None, info=info).derive(key)
    return urlsafe_b64encode(tag).rstrip(b"=").decode()
