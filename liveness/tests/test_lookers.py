"""Looks move to processes of their own when frames wait, and come back when those are in trouble."""

import logging
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings
from pytest_django import Settings

from liveness import lookers, telemetry
from liveness.engine.beside import Beside
from liveness.engine.frames import FrameError
from liveness.engine.look import Engine, View, open_engine
from liveness.tests.fakes import FakeEngine, jpeg, live

PORTRAITS = Path(settings.BASE_DIR) / "portal" / "demo" / "portraits"


class _Watched(Engine):
    """Counts the frames that are looked at in this process."""

    here = 0

    def view(self, jpeg: bytes) -> View:
        self.here += 1
        return super().view(jpeg)


@pytest.fixture(scope="module")
def opened() -> Engine:
    return open_engine()


@pytest.fixture
def engine(opened: Engine) -> _Watched:
    watched = _Watched(opened.model, opened.detector, opened.embedder)
    watched.parts = opened.parts
    return watched


@pytest.fixture(autouse=True)
def mine(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[None]:
    settings.LIVENESS_PROCESSES = True
    monkeypatch.setattr(lookers, "_mine", lookers._Mine())
    yield
    lookers.close()


def _elsewhere(engine: _Watched, frame: bytes) -> View:
    """The first view that did not come from here."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        before = engine.here
        view = lookers.view(engine, frame, crowded=True)
        if engine.here == before:
            return view
        time.sleep(0.02)
    raise AssertionError("It looks here for ever.")


def _process() -> Beside:
    assert lookers._mine.beside is not None
    return lookers._mine.beside


def test_whoever_has_time_looks_here(engine: _Watched) -> None:
    for _ in range(3):
        lookers.view(engine, jpeg(), crowded=False)
    assert engine.here == 3
    assert lookers._mine.beside is None


def test_a_crowd_is_looked_at_elsewhere_with_the_same_result(engine: _Watched) -> None:
    frame = (PORTRAITS / "collins.jpg").read_bytes()
    first = lookers.view(engine, frame, crowded=True)
    assert engine.here == 1, "nobody waits until the process is ready"
    stage = telemetry.STAGES.labels("detect")
    before = stage._sum.get()
    view = _elsewhere(engine, frame)
    assert repr(view.look()) == repr(first.look())
    assert stage._sum.get() > before
    with pytest.raises(FrameError):
        lookers.view(engine, frame[:-20], crowded=False)


def test_a_killed_process_costs_nobody_a_frame_and_is_started_again_later(
    engine: _Watched, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _elsewhere(engine, jpeg())
    killed, before = _process().pid, engine.here
    os.kill(killed, signal.SIGKILL)
    with caplog.at_level(logging.WARNING):
        assert lookers.view(engine, jpeg(), crowded=True).size == (320, 240)
        assert lookers.view(engine, jpeg(), crowded=True).size == (320, 240)
    assert engine.here == before + 2
    assert len(caplog.records) == 1
    monkeypatch.setattr(lookers, "_PAUSE", 0.0)
    lookers._mine.not_before = 0.0
    _elsewhere(engine, jpeg())
    assert _process().pid != killed


def test_a_model_that_a_process_cannot_open_is_looked_at_here_and_that_is_said_once(
    engine: _Watched, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good = engine.parts
    assert good is not None
    engine.parts = replace(good, folder=tmp_path)
    with caplog.at_level(logging.WARNING):
        end = time.monotonic() + 60
        while not caplog.records and time.monotonic() < end:
            lookers.view(engine, jpeg(), crowded=True)
            time.sleep(0.02)
        for _ in range(3):
            lookers.view(engine, jpeg(), crowded=True)
    assert [str(tmp_path) in record.getMessage() for record in caplog.records] == [True]
    engine.parts = good
    _elsewhere(engine, jpeg())


def test_without_processes_none_is_started(engine: _Watched, settings: Settings) -> None:
    settings.LIVENESS_PROCESSES = False
    lookers.view(engine, jpeg(), crowded=True)
    assert lookers._mine.beside is None


def test_where_none_can_be_started_the_thread_looks(
    engine: _Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("liveness.engine.beside.sys.executable", "/nowhere/python")
    assert lookers.view(engine, jpeg(), crowded=True).size == (320, 240)
    assert engine.here == 1


def test_an_engine_that_nobody_else_can_open_is_asked_here() -> None:
    assert lookers.view(FakeEngine(live()), jpeg(), crowded=True).size == (320, 240)
    assert lookers._mine.beside is None
