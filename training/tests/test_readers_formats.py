from pathlib import Path

import pytest

from training.fas import readers
from training.fas.data import DataError
from training.tests import trees
from training.tests.synthetic import data_set

MADE = {
    "manifest": lambda root: data_set(root, each=1).parent,
    "patches": trees.rgb_images,
    "celeba-spoof": trees.celeba_spoof,
    "nuaa": trees.nuaa,
    "folders": trees.plain_folders,
}


@pytest.mark.parametrize("name", readers.FORMATS)
def test_a_layout_is_recognised_by_itself_and_by_no_other_reader(name: str, tmp_path: Path) -> None:
    source = MADE[name](tmp_path / "set")
    found = [key for key, layout in readers.FORMATS.items() if layout.recognises(source)]
    assert found == [name]
    assert readers.read(source).samples == readers.read(source, format=name).samples


@pytest.mark.parametrize("name", readers.FORMATS)
def test_every_path_leads_to_a_picture(name: str, tmp_path: Path) -> None:
    found = readers.read(MADE[name](tmp_path / "set"))
    assert found.samples
    assert all((found.root / sample.path).is_file() for sample in found.samples)
    assert found.skipped == {}


@pytest.mark.parametrize("name", readers.FORMATS)
def test_a_camera_can_be_named(name: str, tmp_path: Path) -> None:
    found = readers.read(MADE[name](tmp_path / "set"), domain="lobby")
    assert {sample.domain.removesuffix("-test") for sample in found.samples} == {"lobby"}


def test_what_was_looked_for_is_said_when_nothing_fits(tmp_path: Path) -> None:
    trees.picture(tmp_path / "holiday" / "a.jpg")
    with pytest.raises(DataError, match=r"manifest\.csv.*RGB_Images.*Data/train.*ClientRaw.*live/"):
        readers.read(tmp_path)


def test_a_named_format_that_does_not_fit_says_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Looked for nuaa: ClientRaw"):
        readers.read(trees.plain_folders(tmp_path), format="nuaa")


def test_an_unknown_format_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="known: manifest, patches"):
        readers.read(tmp_path, format="zip")


def test_a_source_that_does_not_exist_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        readers.read(tmp_path / "none")


def test_a_data_set_without_one_usable_picture_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "live").mkdir()
    (tmp_path / "live" / "notes.txt").write_text("x")
    with pytest.raises(DataError, match="no picture can be used; 1 were skipped"):
        readers.read(tmp_path)
