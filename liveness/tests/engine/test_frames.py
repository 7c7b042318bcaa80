import io
import struct
import tracemalloc
from typing import Any

import numpy as np
import pytest
from PIL import Image

from liveness.engine import frames
from liveness.engine.frames import FILE_LIMITS, FrameError, FrameFault, FrameLimits
from liveness.tests.engine.pictures import gradient, textured


def _fault(data: bytes, **limits: Any) -> FrameFault:
    with pytest.raises(FrameError) as refused:
        frames.decode(data, **limits)
    return refused.value.fault


def _header_only(width: int, height: int) -> bytes:
    """A JPEG that claims a size and holds no pixel."""
    size = struct.pack(">HBHHB", 17, 8, height, width, 3)
    return b"\xff\xd8\xff\xc0" + size + b"\x01\x22\x00\x02\x11\x01\x03\x11\x01" + b"\xff\xd9"


def _saved(kind: str, size: tuple[int, int] = (100, 80), **options: Any) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", size, (200, 100, 50)).save(data, kind, **options)
    return data.getvalue()


def test_a_jpeg_becomes_a_bgr_picture() -> None:
    picture = frames.decode(_saved("JPEG"))
    assert picture.shape == (80, 100, 3)
    assert picture.dtype == np.uint8
    np.testing.assert_allclose(picture[40, 50], (50, 100, 200), atol=3)


def test_encoding_and_decoding_keeps_the_picture() -> None:
    picture = gradient()
    again = frames.decode(frames.encode_jpeg(picture, quality=95))
    assert np.abs(again.astype(int) - picture).mean() < 3


def test_nothing_is_no_picture() -> None:
    assert _fault(b"") == FrameFault.EMPTY


def test_a_truncated_jpeg_is_refused_wherever_it_ends() -> None:
    whole = frames.encode_jpeg(textured())
    for kept in (len(whole) // 4, len(whole) // 2, len(whole) - 3):
        assert _fault(whole[:kept]) == FrameFault.TRUNCATED


def test_one_pixel_is_too_small() -> None:
    assert _fault(_saved("JPEG", (1, 1))) == FrameFault.TOO_SMALL
    assert _fault(_saved("JPEG", (640, 1))) == FrameFault.TOO_SMALL


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("size", [(10_000, 10_000), (60_000, 60_000), (2001, 2000)])
def test_too_many_pixels_are_refused_before_they_are_decoded(size: tuple[int, int]) -> None:
    tracemalloc.start()
    fault = _fault(_header_only(*size))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert fault == FrameFault.TOO_MANY_PIXELS
    assert peak < 1_000_000


def test_five_megabytes_are_refused_unread() -> None:
    assert _fault(frames.encode_jpeg(textured()) + bytes(5_000_000)) == FrameFault.TOO_MANY_BYTES


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP", "BMP", "TIFF"])
def test_a_camera_sends_jpeg_and_nothing_else(kind: str) -> None:
    assert _fault(_saved(kind)) == FrameFault.NOT_AN_IMAGE


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP"])
def test_files_may_have_other_formats(kind: str) -> None:
    picture = frames.decode(_saved(kind), FILE_LIMITS, ("JPEG", "PNG", "WEBP", "BMP"))
    assert picture.shape == (80, 100, 3)


@pytest.mark.parametrize("data", [b"\xff\xd8\xff", b"\xff" * 1000, b"<svg/>", b"\x00" * 5000])
def test_bytes_that_are_no_picture_are_refused(data: bytes) -> None:
    assert _fault(data) == FrameFault.NOT_AN_IMAGE


def test_a_jpeg_with_a_destroyed_middle_never_becomes_an_unchecked_exception() -> None:
    whole, rng = frames.encode_jpeg(textured()), np.random.default_rng(7)
    for _ in range(200):
        data = bytearray(whole)
        for place in rng.integers(2, len(data) - 2, 8):
            data[place] = int(rng.integers(0, 256))
        try:
            picture = frames.decode(bytes(data))
        except FrameError:
            continue
        assert picture.dtype == np.uint8
        assert picture.ndim == 3


def test_a_grey_jpeg_becomes_a_picture_of_three_channels() -> None:
    data = io.BytesIO()
    Image.new("L", (100, 80), 90).save(data, "JPEG")
    assert frames.decode(data.getvalue()).shape == (80, 100, 3)


def test_a_picture_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert frames.decode(_saved("JPEG", (100, 80), exif=exif)).shape == (100, 80, 3)


def test_the_limits_are_inclusive() -> None:
    data = _saved("JPEG", (100, 80))
    exact = FrameLimits(max_bytes=len(data), max_pixels=8000, min_side=80)
    assert frames.decode(data, exact).shape == (80, 100, 3)
    assert _fault(data, limits=FrameLimits(len(data) - 1)) == FrameFault.TOO_MANY_BYTES
    assert _fault(data, limits=FrameLimits(len(data), 7999)) == FrameFault.TOO_MANY_PIXELS
    assert _fault(data, limits=FrameLimits(len(data), 8000, 81)) == FrameFault.TOO_SMALL
