"""The measurements: cameras against servers for some seconds, and what became of their frames."""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from portal.demo.server import Server
from tests.load import servers
from tests.load.cameras import PACE, Camera, Seen
from tests.load.figures import Window, jain, percentiles

Tick = Callable[[int], None]
"""Called twice a second with the number of frames answered so far."""

_PATIENCE = 120.0


def window(
    what: str,
    portals: Sequence[Server],
    cameras: int,
    clip: Sequence[bytes],
    *,
    seconds: float,
    warm: float = 3.0,
    pace: float = PACE,
    until: int = 0,
    tick: Tick = lambda frames: None,
) -> tuple[Window, list[Seen]]:
    """Cameras shared out evenly among the portals, counted ``warm`` seconds after all have begun, for ``seconds`` or ``until`` frames.

    Those that keep a pace come one after the other, evenly over the time that a clip takes: so do their attempts end.
    """
    apart = pace * len(clip) / cameras
    fleet = [
        Camera(portals[n % len(portals)].url, n, clip, pace, n * apart) for n in range(cameras)
    ]
    used = _Processor(portals)
    seen = asyncio.run(_watch(fleet, used, warm, seconds, until, tick))
    answers = [answer for one in seen for answer in one.answers]
    found = Window(
        what,
        cameras,
        used.clock,
        len(answers),
        len(answers) / cameras / used.clock,
        *percentiles(answers or [0.0]),
        jain([len(one.answers) for one in seen]),
        1000 * used.own / max(len(answers), 1),
        used.others,
        tuple(fault for one in seen for fault in one.lost),
    )
    return found, seen


async def _watch(
    cameras: Sequence[Camera],
    used: "_Processor",
    warm: float,
    seconds: float,
    until: int,
    tick: Tick,
) -> list[Seen]:
    stop = asyncio.Event()
    tasks = [asyncio.create_task(camera.run(stop)) for camera in cameras]
    late = time.monotonic() + _PATIENCE
    while not all(camera.begun for camera in cameras) and time.monotonic() < late:
        await asyncio.sleep(0.1)
    await asyncio.sleep(warm)
    for camera in cameras:
        camera.seen = Seen()
    used.begin()
    end = time.monotonic() + seconds
    while time.monotonic() < end or _frames(cameras) < until:
        await asyncio.sleep(0.5)
        tick(_frames(cameras))
    used.end()
    counted = [camera.seen for camera in cameras]
    for camera in cameras:
        camera.seen = Seen()
    stop.set()
    await asyncio.gather(*tasks)
    return counted


def _frames(cameras: Sequence[Camera]) -> int:
    return sum(len(camera.seen.answers) for camera in cameras)


class _Processor:
    """Seconds that went by, that the portals took of the processors, and the share of the machine that others took."""

    def __init__(self, portals: Sequence[Server]) -> None:
        self._portals = portals

    def begin(self) -> None:
        self._before = self._now()

    def end(self) -> None:
        now = self._now()
        clock, own, driver, busy = (b - a for a, b in zip(self._before, now, strict=True))
        self.clock, self.own = clock, own
        self.others = max(0.0, busy - own - driver) / (clock * (os.cpu_count() or 1))

    def _now(self) -> tuple[float, float, float, float]:
        own = sum(servers.processor_seconds(p.process.pid) for p in self._portals)
        return time.monotonic(), own, time.process_time(), servers.busy_seconds()


def merged(what: str, rows: Sequence[Window]) -> Window:
    """Several windows of one kind as one: counts added, the rest averaged over frames."""
    frames = max(sum(row.frames for row in rows), 1)

    def mean(name: str) -> Any:
        return sum(getattr(row, name) * row.frames for row in rows) / frames

    names = ("rate", "p50", "p95", "p99", "jain", "cost", "others")
    return replace(
        rows[0],
        what=what,
        seconds=sum(row.seconds for row in rows),
        frames=sum(row.frames for row in rows),
        lost=tuple(fault for row in rows for fault in row.lost),
        **{name: mean(name) for name in names},
    )
