"""A process beside sees what the engine here sees, and its trouble is nobody's but its own."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings

from liveness.engine import beside, frames
from liveness.engine.beside import Beside, BesideError
from liveness.engine.look import Engine, Parts, open_engine
from liveness.tests.bundles import make_bundle
from liveness.tests.fakes import jpeg

PORTRAITS = Path(settings.BASE_DIR) / "portal" / "demo" / "portraits"


@pytest.fixture(scope="module")
def engine() -> Engine:
    return open_engine()


@pytest.fixture
def parts(engine: Engine) -> Parts:
    assert engine.parts is not None
    return engine.parts


@pytest.fixture
def other() -> Iterator[Beside]:
    process = Beside()
    yield process
    process.close()


def _opened(process: Beside, parts: Parts) -> bool:
    """Whether it could open the engine, once that is known."""
    end = time.monotonic() + 60
    while not process.ready(parts) and not process.problem(parts):
        assert time.monotonic() < end
        time.sleep(0.02)
    return process.ready(parts)


def _gone(process: int) -> bool:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if os.waitpid(process, os.WNOHANG) != (0, 0):
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("name", ["collins", "obama-2010"])
def test_it_sees_the_same_to_the_last_bit(
    engine: Engine, parts: Parts, other: Beside, name: str
) -> None:
    assert _opened(other, parts)
    for quality in (60, 90):
        frame = frames.encode_jpeg(frames.decode((PORTRAITS / f"{name}.jpg").read_bytes()), quality)
        here, there = engine.view(frame), other.see(parts, frame)
        assert here.size == there.size
        assert (here.print == there.print).all()
        assert repr(here.look()) == repr(there.look)
        stages = [stage for stage, seconds in there.seconds if seconds > 0]
        assert stages == ["decode", "detect", "quality", "score"]


def test_a_damaged_frame_is_the_same_error_and_the_next_one_is_looked_at(
    parts: Parts, other: Beside
) -> None:
    assert _opened(other, parts)
    with pytest.raises(frames.FrameError) as refusal:
        other.see(parts, jpeg()[:-20])
    assert refusal.value.fault is frames.FrameFault.TRUNCATED
    assert other.see(parts, jpeg()).size == (320, 240)


def test_a_bundle_that_is_gone_or_another_by_now_is_not_opened(
    parts: Parts, other: Beside, tmp_path: Path
) -> None:
    assert not _opened(other, replace(parts, folder=tmp_path))
    assert "manifest" in other.problem(replace(parts, folder=tmp_path))
    assert not _opened(other, replace(parts, sha256="0" * 64))
    assert _opened(other, parts)


def test_each_frame_is_judged_by_the_model_that_it_is_shown_with(
    parts: Parts, other: Beside, tmp_path: Path
) -> None:
    models = {}
    for p_live in (0.9, 0.95):
        made = make_bundle(tmp_path / str(p_live), p_live)
        models[p_live] = replace(parts, folder=tmp_path / str(p_live), sha256=made.sha256)
        assert _opened(other, models[p_live])
    face = (PORTRAITS / "collins.jpg").read_bytes()
    for p_live in (0.9, 0.95, 0.9):
        assert other.see(models[p_live], face).look.p_live == pytest.approx(p_live, abs=0.01)


def test_only_the_last_two_models_are_held(parts: Parts, tmp_path: Path) -> None:
    desk, opened = beside._Desk(), [parts]
    for name in ("second", "third"):
        folder = shutil.copytree(parts.folder, tmp_path / name)
        opened.append(replace(parts, folder=folder))
    for one in opened:
        desk.answer(one, None)
    assert list(desk._engines) == opened[1:]
    first, second, third = opened
    assert isinstance(desk.answer(second, jpeg()), beside.Seen)
    assert isinstance(desk.answer(first, jpeg()), beside.Seen), "somebody went back to it"
    assert list(desk._engines) == [second, first]
    shutil.rmtree(third.folder)
    assert not isinstance(desk.answer(third, jpeg()), beside.Seen)


def test_a_killed_one_is_told_of(parts: Parts, other: Beside) -> None:
    assert _opened(other, parts)
    os.kill(other.pid, signal.SIGKILL)
    with pytest.raises(BesideError, match="gone"):
        other.see(parts, jpeg())
    with pytest.raises(BesideError, match="gone"):
        other.ready(replace(parts, sha256="0" * 64))


def test_one_that_hangs_is_not_waited_for(
    parts: Parts, other: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _opened(other, parts)
    monkeypatch.setattr(beside, "PATIENCE", 0.2)
    os.kill(other.pid, signal.SIGSTOP)
    with pytest.raises(BesideError, match="does not answer"):
        other.see(parts, jpeg())


def test_it_outlives_a_signal_to_the_group_and_ends_with_whoever_asks(
    parts: Parts, other: Beside
) -> None:
    assert _opened(other, parts)
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(other.pid, number)
    assert other.see(parts, jpeg()).size == (320, 240)
    other._line.close()
    assert _gone(other.pid)
