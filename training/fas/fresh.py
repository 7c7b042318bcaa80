"""Draws made anew for every batch, for training without prepared views."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import cv2
import numpy as np
from numpy.random import default_rng

from training.fas.blend import Blend, batch
from training.fas.draws import Deck, Draw, opinions
from training.fas.patch_store import PatchDeck
from training.fas.source import Batch

_AHEAD = 3


class FreshSource:
    """A deck as a Source: ``samples`` draws an epoch, each made once. ``workers``: threads that draw."""

    def __init__(
        self, deck: Deck | PatchDeck, samples: int, blend: Blend, workers: int = 1
    ) -> None:
        self.deck, self.samples, self.blend, self.workers = deck, samples, blend, workers
        self.weights = deck.teachers.weights if deck.teachers else ()
        self.teachers = len(self.weights)

    def __len__(self) -> int:
        return self.samples

    def batches(
        self, seed: int, epoch: int, size: int, start: int = 0, rank: int = 0, world: int = 1
    ) -> Iterator[Batch]:
        """See ``Source.batches``."""
        for number, draws in enumerate(self._drawn((seed, epoch), size, start), start):
            whole = batch(
                np.stack([draw.patches for draw in draws]),
                np.array([draw.live for draw in draws], np.float32),
                opinions(self.deck.teachers, draws),
                self.weights,
                self.deck.spec,
                self.blend,
                default_rng((seed, epoch, number, 1)),
            )
            yield Batch(*(part[rank::world] for part in whole))

    def _drawn(self, key: tuple[int, int], size: int, start: int) -> Iterator[list[Draw]]:
        """Drawn by threads a few batches ahead: OpenCV and NumPy release the interpreter lock.

        Processes would have to copy or fork gigabytes of frames, and OpenCV's threads do not survive a fork.
        """
        cv2.setNumThreads(1)
        waiting: deque[list[Future[Draw]]] = deque()
        with ThreadPoolExecutor(max(1, self.workers)) as pool:
            try:
                for number in range(start, self.samples // size):
                    keys = ((*key, number * size + i) for i in range(size))
                    waiting.append([pool.submit(self._one, each) for each in keys])
                    if len(waiting) > _AHEAD:
                        yield [draw.result() for draw in waiting.popleft()]
                while waiting:
                    yield [draw.result() for draw in waiting.popleft()]
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def _one(self, key: tuple[int, int, int]) -> Draw:
        return self.deck.draw(default_rng(key))
