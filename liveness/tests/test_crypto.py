import os

import pytest
from pytest_django import Settings

from liveness.crypto import SealError, seal, unseal

OLD, NEW = os.urandom(32), os.urandom(32)


@pytest.fixture(autouse=True)
def _one_key(settings: Settings) -> None:
    settings.LIVENESS_ENCRYPTION_KEYS = [OLD]


def test_what_was_sealed_can_be_opened_in_its_context() -> None:
    sealed = seal(b"a face", "evidence:1:best")
    assert b"a face" not in sealed
    assert unseal(sealed, "evidence:1:best") == b"a face"
    assert unseal(memoryview(sealed), "evidence:1:best") == b"a face"


def test_the_same_bytes_are_sealed_differently_each_time() -> None:
    assert seal(b"a face", "x") != seal(b"a face", "x")


def test_it_cannot_be_opened_in_another_context() -> None:
    with pytest.raises(SealError):
        unseal(seal(b"a face", "evidence:1:best"), "evidence:2:best")


@pytest.mark.parametrize(
    "place", [0, 3, 12, 25, -1], ids=["version", "key", "nonce", "text", "tag"]
)
def test_no_byte_of_it_can_be_altered(place: int) -> None:
    sealed = bytearray(seal(b"a face", "x"))
    sealed[place] ^= 1
    with pytest.raises(SealError):
        unseal(bytes(sealed), "x")


@pytest.mark.parametrize("bytes_", [b"", b"\x01", b"plain text that was never sealed at all"])
def test_bytes_that_were_never_sealed_are_refused(bytes_: bytes) -> None:
    with pytest.raises(SealError):
        unseal(bytes_, "x")


def test_a_new_first_key_seals_and_the_old_one_still_opens(settings: Settings) -> None:
    old = seal(b"a face", "x")
    settings.LIVENESS_ENCRYPTION_KEYS = [NEW, OLD]
    new = seal(b"a face", "x")
    assert new[1:9] != old[1:9]
    assert unseal(old, "x") == unseal(new, "x") == b"a face"


def test_a_key_that_was_taken_away_opens_nothing_any_more(settings: Settings) -> None:
    sealed = seal(b"a face", "x")
    settings.LIVENESS_ENCRYPTION_KEYS = [NEW]
    with pytest.raises(SealError, match="no longer"):
        unseal(sealed, "x")


def test_without_a_key_nothing_is_sealed(settings: Settings) -> None:
    settings.LIVENESS_ENCRYPTION_KEYS = []
    with pytest.raises(SealError):
        seal(b"a face", "x")
