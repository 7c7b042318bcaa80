"""Frames for playback: few, evenly over an attempt of unknown length, whatever they show."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

_KEPT = 16

T = TypeVar("T")


@dataclass
class Reel(Generic[T]):
    """Keeps every n-th of what comes, and the last; when it is full, every other one goes and n doubles."""

    _kept: list[T] = field(default_factory=list)
    _last: T | None = None
    _count: int = 0
    _step: int = 1

    def add(self, item: T) -> None:
        if self._count % self._step == 0:
            self._kept.append(item)
        self._last = item
        self._count += 1
        if len(self._kept) > _KEPT:
            self._kept = self._kept[::2]
            self._step *= 2

    def pick(self, most: int) -> list[T]:
        """At most ``most`` (two or more) of them, evenly, the first and the last among them."""
        every = [*self._kept]
        if self._last is not None and (not every or every[-1] is not self._last):
            every.append(self._last)
        return spread(every, most)


def spread(items: Sequence[T], most: int) -> list[T]:
    """At most ``most`` (two or more) of the items, evenly over their order, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    gap = (len(items) - 1) / (most - 1)
    return [items[round(n * gap)] for n in range(most)]
