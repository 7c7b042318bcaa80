"""Repeated pictures count for nothing; other oddities are risks, and a risk can only ask for more frames."""

import io

import numpy as np
import pytest
from PIL import Image

from liveness.engine import frames
from liveness.engine.capture import Capture
from liveness.engine.session import Reason, SessionRules, Verdict
from liveness.engine.stream import Risk, Stream
from liveness.tests.fakes import FakeEngine, jpeg, live, spoof
from portal.demo import clips


def _watched(clip: list[bytes], every: float = 0.15, jitter: float = 0.02) -> Stream:
    rng, at, stream = np.random.default_rng(1), 0.0, Stream("Integrated Camera 640x480")
    for data in clip:
        _shown(stream, data, at)
        at += every + float(rng.normal(0, jitter))
    return stream


def _shown(stream: Stream, data: bytes, at: float) -> bool:
    return stream.is_new(data, frames.thumbprint(frames.decode(data)), at)


def test_a_camera_with_noise_and_a_timer_with_jitter_is_nothing_odd() -> None:
    stream = _watched(clips.live_clip("collins", 12))
    assert (stream.repeats, stream.risks()) == (0, frozenset())


def test_the_same_bytes_are_no_new_picture_however_much_later() -> None:
    stream = _watched([jpeg(seed=n) for n in range(5)])
    assert not _shown(stream, jpeg(seed=0), 2.0)
    assert stream.repeats == 1


def test_the_same_pixels_in_other_bytes_are_no_new_picture() -> None:
    frame = clips.live_clip("collins", 1)[0]
    stream = _watched([frame])
    again = io.BytesIO()
    Image.open(io.BytesIO(frame)).save(again, "JPEG", quality=97)
    assert again.getvalue() != frame
    assert not _shown(stream, again.getvalue(), 1.0)
    assert not _shown(stream, frame + b"\xff\xd9", 2.0)


@pytest.mark.parametrize("quality", [95, 97, 99])
@pytest.mark.parametrize("name", ["collins", "obama-2010"])
def test_a_picture_encoded_again_is_the_same_and_one_with_a_sensors_noise_is_another(
    name: str, quality: int
) -> None:
    seen = frames.decode(clips.live_clip(name, 1)[0])
    noise = np.random.default_rng(1).normal(0, 1.0, seen.shape)
    noisy = np.clip(seen + noise, 0, 255).astype(np.uint8)
    stream = _watched([frames.encode_jpeg(seen, 99)])
    assert not _shown(stream, frames.encode_jpeg(seen, quality - 2), 1.0)
    assert _shown(stream, frames.encode_jpeg(noisy, quality), 2.0)


def test_a_slow_camera_may_show_a_picture_twice_once() -> None:
    first, second, third = clips.live_clip("collins", 3)
    assert _watched([first, first, second, third]).risks() == frozenset()


def test_a_loop_is_a_risk() -> None:
    assert Risk.REPEATED_FRAMES in _watched(clips.live_clip("collins", 3) * 3).risks()


def _silent(n: int) -> bytes:
    """A picture without noise in which a single corner moves."""
    picture = np.full((480, 640, 3), 120, np.uint8)
    picture[:48, : 8 * (n + 1)] = 60
    data = io.BytesIO()
    Image.fromarray(picture).save(data, "JPEG", quality=90)
    return data.getvalue()


def test_frames_without_a_sensors_noise_are_a_risk() -> None:
    stream = _watched([_silent(n) for n in range(10)])
    assert stream.repeats == 0
    assert stream.risks() == {Risk.NO_NOISE}


def test_timing_that_no_browser_reaches_is_a_risk() -> None:
    clip = clips.live_clip("collins", 8)
    assert _watched(clip, jitter=0.0).risks() == {Risk.EXACT_TIMING}
    assert _watched(clip, every=0.055, jitter=0.005).risks() == {Risk.HURRIED}


@pytest.mark.parametrize("name", ["OBS Virtual Camera 640x480", "fake_device_0", "ManyCam"])
def test_the_name_of_a_virtual_camera_is_a_risk(name: str) -> None:
    assert Stream(name).risks() == {Risk.VIRTUAL_CAMERA}


@pytest.mark.parametrize("name", ["", "Integrated Camera", "FaceTime HD Camera", "Jobson Cam"])
def test_other_names_are_none(name: str) -> None:
    assert Stream(name).risks() == frozenset()


def test_a_damaged_frame_is_left_to_whoever_decodes_it() -> None:
    assert Stream().is_new(b"no picture", None, 0.0)


def _ended(engine: FakeEngine, risks: set[Risk]) -> tuple[Verdict, object, int]:
    capture = Capture(engine, SessionRules(judged=6, live=4, seconds=(0.0, 30.0)), 0.43)
    capture.note(risks)
    for n in range(100):
        decision = capture.add(jpeg(seed=n), n * 0.1)
        if decision.verdict is not Verdict.MORE:
            return decision.verdict, decision.reason, engine.seen
    raise AssertionError("No end.")


def test_a_risk_asks_for_more_frames_and_accuses_nobody() -> None:
    every = set(Risk)
    assert _ended(FakeEngine(live()), set()) == (Verdict.PASS, None, 6)
    assert _ended(FakeEngine(live()), every) == (Verdict.PASS, None, 12)
    assert _ended(FakeEngine(spoof()), every) == (Verdict.FAIL, Reason.SPOOF, 12)
