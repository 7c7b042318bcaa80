import io

import numpy as np
import pytest
from PIL import Image

from liveness.engine import exhibits, frames
from liveness.engine.crops import Box, CropError
from liveness.engine.frames import FrameError
from liveness.engine.spectrum import log_spectrum
from liveness.tests.engine.pictures import BOX, flat, textured


def _grid(period: float, size: int = 256) -> np.ndarray:
    """A grey picture with vertical stripes of this period in pixels."""
    wave = 120 + 40 * np.cos(2 * np.pi * np.arange(size) / period)
    return np.broadcast_to(wave[None, :, None], (size, size, 3)).astype(np.uint8)


def test_the_grid_of_a_screen_is_a_peak_in_the_spectrum() -> None:
    spectrum = log_spectrum(_grid(8))
    assert spectrum.shape == (256, 256)
    assert spectrum.dtype == np.uint8
    centre, offset = 128, 256 // 8
    assert spectrum[centre, centre + offset] > 240
    assert spectrum[centre, centre - offset] > 240
    assert spectrum[centre + offset, centre] < 60


def test_a_flat_picture_has_an_empty_spectrum() -> None:
    assert not log_spectrum(flat(64, 64)).any()


def test_crops_and_spectra_become_pngs() -> None:
    jpeg = frames.encode_jpeg(textured())
    crop = Image.open(io.BytesIO(exhibits.crop_png(jpeg, BOX, 2.7, 80)))
    spectrum = Image.open(io.BytesIO(exhibits.spectrum_png(jpeg, BOX)))
    assert (crop.format, crop.size) == ("PNG", (80, 80))
    assert (spectrum.format, spectrum.size, spectrum.mode) == ("PNG", (256, 256), "L")


def test_what_cannot_be_cut_or_read_is_an_exception() -> None:
    with pytest.raises(CropError):
        exhibits.crop_png(frames.encode_jpeg(textured()), Box(900, 900, 50, 50), 1.0, 80)
    with pytest.raises(FrameError):
        exhibits.spectrum_png(b"no picture", BOX)
    with pytest.raises(FrameError):
        exhibits.clean_jpeg(b"no picture")
    with pytest.raises(FrameError):
        exhibits.upright_size(b"no picture")


def test_metadata_is_stripped_and_the_rotation_applied() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Secret Camera"
    data = io.BytesIO()
    Image.fromarray(textured(200, 100)).save(data, "JPEG", exif=exif)
    assert exhibits.upright_size(data.getvalue()) == (100, 200)
    clean = exhibits.clean_jpeg(data.getvalue())
    assert b"Secret" not in clean
    with Image.open(io.BytesIO(clean)) as picture:
        assert (picture.size, dict(picture.getexif())) == ((100, 200), {})
