"""How many captures this process carries at once, and the line of those who wait for a place. On the event loop alone.

A capture that runs keeps its pace: whoever comes when every place is taken waits in line, first come, first served, and is
told the place and about how long. How many places there are follows from what a frame has cost lately, embeddings after a
pass included; LIVENESS_CAPACITY sets a number instead. Where frames wait long for a thread while captures run, these are asked
to send fewer, so that none of them is refused. A capture that sends few frames, or none, takes up as much less of a
place: nobody can keep others waiting with sockets that only stay open.
"""

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.conf import settings

from liveness import telemetry

# Seconds from one frame to the next: what a page is asked for, and the most that is asked of it.
PACE, SLOWEST = 0.125, 0.5
# Of the pool's time, this share may be planned; the rest keeps answers quick when frames come together.
_SHARE = 0.8
# Seconds that a frame may wait for a thread. What it waits beyond, its capture sends the next one later: where there is room, it
# comes when others do not, once and for all; where there is none, all together slow down to what the threads can look at.
PATIENCE = 0.08
# After so many seconds without a frame a capture begins to give up its place.
IDLE = 3.0
# Nobody is put in line for longer than this; they are told to come again instead, with a ticket that stays good.
LONGEST_WAIT = 30.0
_MEMORY = 0.02
# A place counts as free when all but this share of it is.
_SPARE = 0.25


class Full(RuntimeError):
    """The line is as long as anybody should wait."""


@dataclass(eq=False)
class Place:
    """One capture, in line or running. since: when it came or was admitted; interval: seconds between its frames, lately;
    waited: seconds that its last frame has waited for a thread.
    """

    admitted: asyncio.Event = field(default_factory=asyncio.Event)
    since: float = field(default_factory=time.monotonic)
    interval: float = PACE
    last: float = 0.0
    waited: float = 0.0

    def begin(self, now: float) -> None:
        self.since = self.last = now
        self.admitted.set()

    def frame(self, now: float) -> None:
        """A frame has come."""
        self.interval += (now - self.last - self.interval) * 0.2
        self.last = now

    @property
    def pace(self) -> float:
        """Seconds from its last frame to the next that it is asked to keep."""
        return min(PACE + max(0.0, self.waited - PATIENCE), SLOWEST)

    def share(self, now: float) -> float:
        """How much of a place it takes up, 0–1."""
        return PACE / max(PACE, self.interval, now - self.last - IDLE)


class Door:
    """The captures of one process. Lately: cost, seconds a frame takes a thread; stay, seconds a capture lasts."""

    def __init__(self, cost: float = 0.02, stay: float = 3.0) -> None:
        self.cost, self.stay = cost, stay
        self._noting = threading.Lock()
        self._running: set[Place] = set()
        self._line: deque[Place] = deque()

    @property
    def capacity(self) -> int:
        """Captures that may run at once; two a thread in any case, slower if need be."""
        if settings.LIVENESS_CAPACITY:
            return int(settings.LIVENESS_CAPACITY)
        return max(
            2 * settings.LIVENESS_WORKERS,
            int(_SHARE * settings.LIVENESS_WORKERS * PACE / self.cost),
        )

    def check(self) -> None:
        """Raises Full when somebody who came now would wait too long."""
        if self._seconds(len(self._line) + 1) > LONGEST_WAIT:
            raise Full

    def enter(self) -> Place:
        """A place at the end of the line; it may be admitted at once."""
        place = Place()
        self._line.append(place)
        self._move_up()
        return place

    def leave(self, place: Place) -> None:
        """From the line or from the camera. Leaving twice changes nothing."""
        if place in self._running:
            self._running.remove(place)
            self.stay += (time.monotonic() - place.since - self.stay) * 0.1
        elif place in self._line:
            self._line.remove(place)
        self._move_up()

    def number(self, place: Place) -> tuple[int, int]:
        """The number in line, from 1, and about how many seconds it will be; (0, 0) once admitted."""
        self._move_up()
        if place not in self._line:
            return 0, 0
        number = self._line.index(place) + 1
        return number, max(1, math.ceil(self._seconds(number)))

    def note(self, seconds: float) -> None:
        """A frame has taken a thread this long, after a wait. From any thread."""
        with self._noting:
            self.cost += (seconds - self.cost) * _MEMORY

    def _seconds(self, number: int) -> float:
        if number <= self._free():
            return 0.0
        return number * self.stay / self.capacity

    def _free(self) -> float:
        now = time.monotonic()
        taken = sum(place.share(now) for place in self._running)
        return self.capacity + _SPARE - taken

    def _move_up(self) -> None:
        while self._line and self._free() >= 1:
            place = self._line.popleft()
            self._running.add(place)
            place.begin(time.monotonic())
        telemetry.IN_LINE.set(len(self._line))


door = Door()


@contextmanager
def timed(place: Place, asked: float) -> Iterator[None]:
    """Notes what the frame in this block has cost, and how long it has waited since ``asked`` (``time.perf_counter``)."""
    begin = time.perf_counter()
    place.waited = begin - asked
    try:
        yield
    finally:
        door.note(time.perf_counter() - begin)
