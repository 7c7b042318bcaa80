"""Authenticated encryption of evidence and embeddings, with keys that can be rotated.

A sealed value is: version (1 byte), key id (8 bytes), nonce (12 bytes), AES-256-GCM ciphertext with its tag. The
context is authenticated, not stored: what was sealed for one row cannot be opened as another's.
"""

import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

_VERSION = b"\x01"
_KEY_ID = slice(1, 9)
_NONCE = slice(9, 21)
_HEADER = 21


class SealError(ValueError):
    """The sealed bytes were altered, belong to another context, or their key is no longer configured."""


def seal(plain: bytes, context: str) -> bytes:
    """Encrypt under the first of LIVENESS_ENCRYPTION_KEYS, bound to ``context``."""
    key = _keys()[0]
    nonce = os.urandom(12)
    header = _VERSION + _key_id(key)
    return header + nonce + AESGCM(key).encrypt(nonce, plain, header + context.encode())


def unseal(sealed: bytes | memoryview, context: str) -> bytes:
    """Decrypt with whichever configured key sealed it. Raises SealError."""
    sealed = bytes(sealed)
    if len(sealed) <= _HEADER or sealed[:1] != _VERSION:
        raise SealError("These bytes were not sealed here.")
    key = _find_key(sealed[_KEY_ID])
    header = sealed[: _NONCE.start]
    try:
        return AESGCM(key).decrypt(sealed[_NONCE], sealed[_HEADER:], header + context.encode())
    except InvalidTag as error:
        raise SealError("The sealed bytes were altered or belong to another context.") from error


def key_id(sealed: bytes | memoryview) -> bytes:
    """Which key sealed this: 8 bytes."""
    return bytes(sealed[_KEY_ID])


def key_ids() -> list[str]:
    """The configured keys by their ids in hex, the one that seals first."""
    return [_key_id(key).hex() for key in _keys()]


def is_current(sealed: bytes) -> bool:
    """Is this sealed under the first key?"""
    return key_id(sealed) == _key_id(_keys()[0])


def _keys() -> list[bytes]:
    keys: list[bytes] = settings.LIVENESS_ENCRYPTION_KEYS
    if not keys:
        raise SealError("LIVENESS_ENCRYPTION_KEYS is empty.")
    return keys


def _find_key(wanted: bytes) -> bytes:
    for key in _keys():
        if _key_id(key) == wanted:
            return key
    raise SealError(
        f"The key {wanted.hex()} that sealed this is no longer in LIVENESS_ENCRYPTION_KEYS: "
        "restore it from its copy."
    )


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"livegate key id" + key).digest()[:8]
