import math

import numpy as np
import pytest

from liveness.engine import crops
from liveness.engine.crops import Box, CropError, CropSpec
from liveness.tests.engine.pictures import BOX, flat, gradient, textured

SPEC = CropSpec(scales=(1.0, 1.5, 2.7), size=64)


def test_one_patch_for_each_scale() -> None:
    patches = crops.patches(textured(), BOX, SPEC)
    assert patches.shape == (3, 64, 64, 3)
    assert patches.dtype == np.uint8


def test_a_patch_is_the_square_around_the_centre_of_the_box() -> None:
    patch = crops.patches(gradient(), BOX, CropSpec(scales=(1.0,), size=150))[0]
    x, y = BOX.centre
    left, top = round(x - 75), round(y - 75)
    np.testing.assert_array_equal(patch, gradient()[top : top + 150, left : left + 150])


def test_a_larger_scale_shows_more() -> None:
    small, _, large = crops.patches(gradient(), BOX, SPEC)
    assert np.ptp(large[..., 0].astype(int)) > 2.5 * np.ptp(small[..., 0].astype(int))


@pytest.mark.parametrize(
    "box",
    [
        Box(-30, 200, 120, 120),
        Box(560, 380, 120, 150),
        Box(-10, -10, 700, 500),
        Box(0, 0, 640, 480),
    ],
)
def test_outside_the_frame_the_picture_is_reflected_not_blackened(box: Box) -> None:
    patches = crops.patches(flat(value=120), box, SPEC)
    assert (patches == 120).all()
    assert crops.patches(textured(mean=150), box, SPEC).mean() == pytest.approx(150, abs=8)


def test_reflection_mirrors_what_lies_at_the_edge() -> None:
    box = Box(-50, 200, 100, 100)
    patch = crops.patches(gradient(), box, CropSpec(scales=(1.0,), size=100))[0]
    np.testing.assert_array_equal(patch[:, 50 - 20], patch[:, 50 + 20])


def test_a_frame_smaller_than_the_patch_is_reflected_more_than_once() -> None:
    patches = crops.patches(textured(70, 64), Box(10, 10, 50, 50), CropSpec((8.0,), 64))
    assert patches.std() > 5


def test_moving_the_box_a_little_changes_the_patch_a_little() -> None:
    picture = gradient()
    still = crops.patches(picture, BOX, SPEC).astype(int)
    for part in (-0.2, 0.2):
        moved = Box(BOX.x + part * BOX.w, BOX.y, BOX.w, BOX.h)
        change = crops.patches(picture, moved, SPEC).astype(int) - still
        assert np.abs(change[..., 1]).max() <= 2
        expected = part * BOX.w * 255 / 640
        assert change[..., 0].mean() == pytest.approx(expected, abs=1.5)


def test_moving_box_and_picture_together_changes_nothing() -> None:
    picture = textured()
    moved = np.roll(picture, (40, 60), (0, 1))
    box = Box(BOX.x + 60, BOX.y + 40, BOX.w, BOX.h)
    spec = CropSpec(scales=(1.0, 1.5), size=64)
    np.testing.assert_array_equal(
        crops.patches(picture, BOX, spec), crops.patches(moved, box, spec)
    )


@pytest.mark.parametrize(
    "box",
    [
        Box(0, 0, 0, 0),
        Box(10, 10, 1, 50),
        Box(10, 10, -50, 50),
        Box(math.nan, 0, 50, 50),
        Box(0, 0, math.inf, 50),
        Box(641, 10, 50, 50),
        Box(-60, 10, 50, 50),
        Box(10, 481, 50, 50),
        Box(0, 0, 9000, 9000),
    ],
)
def test_a_box_that_cannot_be_cut_is_refused(box: Box) -> None:
    with pytest.raises(CropError):
        crops.patches(textured(), box, SPEC)


@pytest.mark.parametrize(
    "spec",
    [
        {"scales": ()},
        {"scales": (0.0,)},
        {"scales": (9.0,)},
        {"size": 8},
        {"size": 4096},
        {"channels": "HSV"},
        {"std": 0.0},
    ],
)
def test_a_spec_that_makes_no_sense_is_refused(spec: dict[str, object]) -> None:
    with pytest.raises(CropError):
        CropSpec(**{"scales": (1.0,), "size": 64, **spec})  # type: ignore[arg-type]


def test_network_input_is_normalised_channel_first() -> None:
    spec = CropSpec(scales=(1.0, 1.5), size=16, mean=127.5, std=127.5)
    patches = np.zeros((2, 2, 16, 16, 3), np.uint8)
    patches[..., 0] = 255
    batch = crops.tensor(patches, spec)
    assert batch.shape == (2, 6, 16, 16)
    assert batch.dtype == np.float32
    np.testing.assert_allclose(batch[0, :, 0, 0], (1, -1, -1, 1, -1, -1))


def test_rgb_networks_get_the_channels_turned_round() -> None:
    patches = np.zeros((1, 1, 16, 16, 3), np.uint8)
    patches[..., 0] = 255
    batch = crops.tensor(patches, CropSpec(scales=(1.0,), size=16, channels="RGB"))
    np.testing.assert_allclose(batch[0, :, 0, 0], (0, 0, 1))


def test_overlap_of_boxes() -> None:
    box = Box(0, 0, 10, 10)
    assert box.iou(box) == 1.0
    assert box.iou(Box(5, 0, 10, 10)) == pytest.approx(1 / 3)
    assert box.iou(Box(10, 0, 10, 10)) == 0.0


def test_a_patch_that_stays_inside_shows_only_what_the_camera_saw() -> None:
    frame = np.zeros((40, 80, 3), np.uint8)
    frame[:, :40] = (10, 20, 30)
    frame[:, 40:] = (50, 60, 70)
    spec = CropSpec((1.0, 4.0), 16, border="inside")
    near, wide = crops.patches(frame, Box(2, 10, 20, 20), spec)
    assert (near == (10, 20, 30)).all()
    assert (wide == (10, 20, 30)).all()  # the fourfold square is shrunk and shifted


def test_a_patch_inside_is_the_same_as_a_mirrored_one_where_the_frame_is_large_enough() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
    box = Box(40, 40, 20, 20)
    mirrored, inside = (
        crops.patches(frame, box, CropSpec((1.0, 2.0), 16, border=border))
        for border in ("reflect", "inside")
    )
    np.testing.assert_array_equal(mirrored, inside)


def test_an_unknown_border_is_refused() -> None:
    with pytest.raises(CropError, match="border"):
        CropSpec((1.0,), 16, border="wrap")


@pytest.mark.parametrize("border", ["reflect", "inside"])
def test_two_squares_as_large_as_the_frame_are_one_and_look_as_each_would_alone(
    border: str,
) -> None:
    scales, box = (1.0, 2.0, 4.0), Box(217, 97, 194, 262)
    together = crops.patches(textured(), box, CropSpec(scales, 96, border=border))
    for scale, patch in zip(scales, together, strict=True):
        alone = crops.patches(textured(), box, CropSpec((scale,), 96, border=border))
        np.testing.assert_array_equal(patch, alone[0])
    assert np.array_equal(together[1], together[2]) == (border == "inside")
