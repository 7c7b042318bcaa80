"""docs/tutorial.md is walked through from the first start to the gate; its pictures and its times come from here.

``make screenshots`` sets WRITE_PICTURES: then the walk writes docs/pictures and the table of times.
"""

import os
import re
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.core.management import get_commands
from django.urls import resolve
from django.utils import timezone
from PIL import Image

from portal.demo.server import BASE_DIR
from tests.e2e import tutorial
from tests.e2e.tutorial import CHAPTERS, RECIPE, Album, Walk

_DOCS = BASE_DIR / "docs"
_PICTURES = _DOCS / "pictures"
_TUTORIAL = _DOCS / "tutorial.md"
_TABLE = re.compile(r"(?<=<!-- times -->\n).*?(?=<!-- end of times -->)", re.DOTALL)
_SHOWN = re.compile(r"(?:\]\(|src=\"|srcset=\")(?:docs/)?pictures/([\w-]+\.\w+)")
_WIDEST, _LARGEST = 1280, 120_000


def _shown() -> set[str]:
    """Names of the pictures that the tutorial and the README show."""
    return {
        name
        for page in (_TUTORIAL, BASE_DIR / "README.md")
        for name in _SHOWN.findall(page.read_text())
    }


@pytest.mark.browser
@pytest.mark.xdist_group("browser")
def test_a_newcomer_gets_from_the_first_start_to_the_gate(tmp_path: Path) -> None:
    writes = bool(os.environ.get("WRITE_PICTURES"))
    album = Album(_PICTURES if writes else None)
    with ExitStack() as stack:
        walk = Walk(tmp_path / "var", album, stack)
        walk.all()
    if writes:
        _note(walk.seconds)
    kept = {path.name for path in _PICTURES.glob("*.webp")}
    assert set(album.taken) == kept == _shown()


def _note(seconds: dict[str, float]) -> None:
    """The table of times, as this walk took them."""
    rows = [f"| {n}. {name} | {seconds[name]:.0f} s |\n" for n, name in enumerate(CHAPTERS, 1)]
    head = f"| chapter, {timezone.now():%-d %B %Y}, {tutorial.machine()} | the machine takes |\n|---|---|\n"
    total = f"| all of it | {sum(seconds.values()) / 60:.1f} min |\n"
    _TUTORIAL.write_text(
        _TABLE.sub(lambda _: "\n" + head + "".join(rows) + total + "\n", _TUTORIAL.read_text())
    )


def test_every_picture_that_is_shown_exists_and_is_small() -> None:
    assert _shown()
    for name in _shown():
        path = _PICTURES / name
        with Image.open(path) as picture:
            assert picture.width <= _WIDEST, name
        assert path.stat().st_size <= _LARGEST, name


def test_the_chapters_that_are_timed_are_those_that_are_told() -> None:
    text = _TUTORIAL.read_text()
    numbered = [f"{n}. {name}" for n, name in enumerate(CHAPTERS, 1)]
    table = _TABLE.search(text)
    assert table is not None
    assert re.findall(r"^\| (\d+\. .+?) \| \d+ s \|$", table[0], re.MULTILINE) == numbered
    assert re.findall(r"^## (\d+\. .+)$", text, re.MULTILINE) == numbered


def test_the_commands_and_addresses_that_are_told_exist() -> None:
    text = _TUTORIAL.read_text()
    for path in re.findall(r"http://127\.0\.0\.1:8000(/[\w/-]*)?", text):
        resolve(path or "/")
    commands = set(re.findall(r"manage\.py (\w+)", text))
    assert commands
    assert commands <= set(get_commands())
    targets = set(re.findall(r"\bmake ([a-z-]+)`|^make ([a-z-]+)$", text, re.MULTILINE))
    makefile = (BASE_DIR / "Makefile").read_text()
    for target in {one or other for one, other in targets}:
        assert f"\n{target}: " in makefile, target


def test_the_options_that_are_told_are_those_that_were_timed() -> None:
    assert RECIPE in _TUTORIAL.read_text()
