"""A portal for the browser tests, with a liveness model that gives the same answer on every machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.demo import clips
from portal.demo.server import Server, running
from tests.grid_bundle import make_grid_bundle

ADMINISTRATOR = "reviewer"
ADMINISTRATOR_PASSWORD = "correct-horse-7-battery"


@pytest.fixture(scope="session")
def grid_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_grid_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="session")
def portal_settings(grid_bundle: Path) -> dict[str, str]:
    return {
        "LIVENESS_BUNDLE": str(grid_bundle),
        "LIVENESS_ATTEMPTS_PER_MINUTE": "1000",
        "DJANGO_SUPERUSER_USERNAME": ADMINISTRATOR,
        "DJANGO_SUPERUSER_EMAIL": "reviewer@example.org",
        "DJANGO_SUPERUSER_PASSWORD": ADMINISTRATOR_PASSWORD,
    }


@pytest.fixture(scope="module")
def portal(
    tmp_path_factory: pytest.TempPathFactory, portal_settings: dict[str, str]
) -> Iterator[Server]:
    """A running portal with an empty SQLite database and one administrator."""
    with running(tmp_path_factory.mktemp("portal"), **portal_settings) as server:
        server.manage("createsuperuser", "--noinput")
        yield server


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What the cameras of the browser tests show."""
    folder = tmp_path_factory.mktemp("videos")
    shown = {
        "enrolling": clips.live_clip(clips.PERSON),
        "returning": clips.live_clip(clips.PERSON, seed=1),
        "stranger": clips.live_clip(clips.STRANGER),
        "phone": clips.recaptured_clip(clips.PERSON, seed=5),
        "dark": clips.live_clip(clips.PERSON, light=0.22),
    }
    return {name: clips.write_mjpeg(clip, folder / f"{name}.mjpeg") for name, clip in shown.items()}
