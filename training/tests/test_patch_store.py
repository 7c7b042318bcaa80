import io
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from numpy.random import default_rng

from liveness.engine import bundle as bundles
from liveness.engine.crops import CropSpec
from liveness.engine.frames import encode_jpeg
from training.fas import patch_store, readers
from training.fas.augment import STILL
from training.fas.data import DataError
from training.fas.draws import Recipe
from training.fas.patch_store import PatchDeck, PatchStore
from training.tests.synthetic import picture

SPEC = CropSpec((1.0, 2.7), 32, border="inside")
ALONE = Recipe(simulate=0, mixed=0, strength=STILL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Silent-Face's layout with four faces of the classes 1 and 2 at two scales."""
    rng = default_rng(1)
    for scale in ("1_32x32", "2.7_32x32"):
        for kind in ("1", "2"):
            place = tmp_path / "RGB_Images" / scale / kind
            place.mkdir(parents=True)
            for i in range(4):
                (place / f"{i}.jpg").write_bytes(encode_jpeg(picture(kind == "1", rng), 95))
    return tmp_path


def stored(folder: Path) -> PatchStore:
    found = readers.read(folder)
    return patch_store.load(found.root, found.samples, SPEC)  # type: ignore[arg-type]


def test_ready_patches_are_drawn_as_they_are(folder: Path) -> None:
    store = stored(folder)
    draw = PatchDeck(store, ALONE).draw(default_rng(0))
    assert any(np.array_equal(draw.patches, face) for face in store.faces)
    assert draw.patches.shape == (2, 32, 32, 3)


def test_ready_patches_cannot_be_cut_in_another_way(folder: Path) -> None:
    with pytest.raises(DataError, match="another way"):
        stored(folder).patches(0, CropSpec((1.0,), 32))


def test_a_damaged_patch_is_skipped_and_named(folder: Path) -> None:
    broken = folder / "RGB_Images" / "2.7_32x32" / "1" / "0.jpg"
    broken.write_bytes(b"not a picture")
    store = stored(folder)
    assert len(store) == 7
    assert list(store.skipped) == ["1_32x32/1/0.jpg"]


def test_the_folders_of_the_predecessors_train_a_network(folder: Path, tmp_path: Path) -> None:
    words = [
        "--epochs",
        "1",
        "--batch",
        "8",
        "--samples-per-epoch",
        "16",
        "--minutes",
        "0",
        "--calibration-domains",
    ]
    chosen = ["--patch_info", "1_32x32,2.7_32x32"]
    out = tmp_path / "out"
    call_command(
        "train_fas", "--data", str(folder), "--out", str(out), *words, "", *chosen,
        stdout=io.StringIO(),
    )  # fmt: skip
    assert bundles.load(out / "bundle").crop == SPEC
    with pytest.raises(CommandError, match=r"has the scales 1, 2\.7, not 4"):
        call_command(
            "train_fas", "--data", str(folder), "--out", str(out), *words, "",
            "--patches", "1.0,4.0", "--size", "32", stdout=io.StringIO(),
        )  # fmt: skip
